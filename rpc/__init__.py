"""The binary transports: gRPC, gRPC-Web and Connect, over the same services as REST."""
