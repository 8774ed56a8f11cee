/** Keys and certificates of localhost, made anew for each run: none is kept anywhere, and none runs out. */
import { generate } from "selfsigned";

const DAY_MS = 86_400_000;
const made = await generate([{ name: "commonName", value: "localhost" }], {
  keyType: "ec",
  algorithm: "sha256",
  // A clock that goes a little wrong meanwhile is nothing that these tests are about.
  notBeforeDate: new Date(Date.now() - DAY_MS),
  notAfterDate: new Date(Date.now() + DAY_MS),
  clientCertificate: { cn: "a client", keyType: "ec" },
  extensions: [
    { name: "basicConstraints", cA: true },
    { name: "keyUsage", digitalSignature: true, keyCertSign: true },
    {
      name: "subjectAltName",
      altNames: [
        { type: 2, value: "localhost" },
        { type: 7, ip: "127.0.0.1" },
      ],
    },
  ],
});

/** The server's, which has signed itself. */
export const TEST_KEY = made.private;
export const TEST_CERTIFICATE = made.cert;
/** A client's, which the server has signed. */
export const CLIENT_KEY = made.clientprivate ?? "";
export const CLIENT_CERTIFICATE = made.clientcert ?? "";
