// A round trip with the client of a stock generator: set a user's feature, read it, be refused.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const [url, token] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({
  baseUrl: url,
  headers: { Authorization: `Bearer ${token}` },
});
const params = { path: { user_id: "bob" }, query: { inheritance: true } };

await client.PUT("/v2/features/user/{user_id}", {
  params: { path: { user_id: "bob" } },
  body: { userSchema: true },
});
const read = await client.GET("/v2/features/user/{user_id}", { params });
const refused = await client.GET("/v2/features/user/{user_id}", {
  params: { path: { user_id: "nobody" } },
});

const feature: boolean | undefined = read.data?.userSchema?.enabled;
const source: string | undefined = read.data?.userSchema?.source;
console.log(JSON.stringify({ feature, source, code: refused.error?.code }));
