import * as crypto from "crypto";

/** A private key that every platform accepts. */
export const rsaKey = crypto
  .generateKeyPairSync("rsa", { modulusLength: 2048 })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();
