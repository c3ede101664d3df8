import { codecHttp2 } from "@hydrascale/gateway/http2/codec/serve";
import { nodeHttp2 } from "@hydrascale/gateway/http2/node-http2";
import { http2Contract } from "./http2.ts";

http2Contract("node:http2", nodeHttp2);
http2Contract("codec", codecHttp2);
