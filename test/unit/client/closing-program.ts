/** Uses a client, closes it and ends by itself: what a client leaves behind would keep this process alive. */
import { OnarClient } from "../../../src/client/client.js";
import { FakeCluster } from "../../clients/fake/cluster.js";

const step = (answers: object[]) =>
  ({ call: "put", key: "k", value: "v", expect: { outcome: "done" }, answers }) as const;
const fake = await FakeCluster.start({
  name: "closing",
  on: "fake",
  nodes: ["node", "silent", "refuses"],
  steps: [step([{ ok: {} }]), step([{ ok: {} }]), step([{ silence: true, forever: true }])],
});
const client = new OnarClient({ endpoints: fake.endpoints });
const pipeline = client.pipeline();
await client.put("k", "v");
await pipeline.put("k", "v");
// One call under way in each, one of them not answered.
void client.outcome.put("k", "v");
void pipeline.outcome.get("k");
await new Promise((resolve) => setTimeout(resolve, 100));
await client.close();
fake.close();
console.log("closed");
