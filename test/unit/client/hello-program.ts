/** The first program that people write, where nothing listens: it must not end as if all were well. */
import { OnarClient } from "../../../src/client/client.js";

const client = new OnarClient({ endpoints: ["127.0.0.1:1"], timeoutMs: 3_000 });
await client.put("greeting", "hello");
const { entry } = await client.get("greeting");
console.log(entry?.text());
await client.close();
