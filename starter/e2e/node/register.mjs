// Registers somebody with Segment's client, of which only the host is set.
import { Analytics } from "@segment/analytics-node";

const [host, writeKey, userId, email, phone] = process.argv.slice(2);
const analytics = new Analytics({ host, writeKey });
analytics.on("error", (error) => {
  console.error(error);
  process.exitCode = 1;
});
analytics.identify({ userId, traits: { email, phone, name: "Ann Lee" } });
analytics.track({ userId, event: "registered" });
await analytics.closeAndFlush();
