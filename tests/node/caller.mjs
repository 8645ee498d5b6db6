// Calls methods with the clients that browsers and Node use. A line of JSON in, a line out.
//
//   node caller.mjs URL DESCRIPTORS
//
// In:  {"transport", "service", "method", "message", "headers"}
// Out: {"answer": …} or {"error": {"code", "message", "details": [{"type", "value"}]}}
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createFileRegistry, fromBinary, fromJson, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";

const [url, descriptors] = process.argv.slice(2);
const registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)),
);
const at = { baseUrl: url };
const transports = {
  "node connect json 1.1": node.createConnectTransport({ ...at, httpVersion: "1.1" }),
  "node connect binary 2": node.createConnectTransport({
    ...at,
    httpVersion: "2",
    useBinaryFormat: true,
  }),
  "node grpc-web 1.1": node.createGrpcWebTransport({ ...at, httpVersion: "1.1" }),
  "node grpc 2": node.createGrpcTransport({ ...at, httpVersion: "2" }),
  "web connect json": web.createConnectTransport(at),
  "web grpc-web": web.createGrpcWebTransport(at),
};

async function call({ transport, service, method, message, headers }) {
  const described = registry.getService(service);
  const found = described.methods.find((each) => each.name === method);
  const client = createClient(described, transports[transport]);
  let request;
  try {
    request = fromJson(found.input, message, { registry });
  } catch (error) {
    return { unsayable: String(error) };
  }
  try {
    const answer = await client[found.localName](request, { headers, timeoutMs: 20000 });
    return { answer: toJson(found.output, answer, { registry, alwaysEmitImplicit: true }) };
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const details = error.details.map((detail) => ({
      type: detail.type,
      value: Buffer.from(detail.value ?? []).toString("base64"),
    }));
    return { error: { code: error.code, message: error.rawMessage, details } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await call(JSON.parse(line)))}\n`);
}
process.exit(0);
