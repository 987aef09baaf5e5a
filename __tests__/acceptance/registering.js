/**
 * Clients that register with the service as SUSEConnect does, each request in a connection of its own:
 * `node registering.js COUNT RATE PREFIX PRODUCT` starts RATE of them a second and prints a line of JSON for each once it has
 * ended. `node registering.js twice COUNT PREFIX PRODUCT` has each client activate from two addresses at once.
 */
const https = require("https");

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** One request from the client address of this number; throws with the status if it is not 200. */
function request(address, method, path, { auth, data } = {}) {
  const body = data === undefined ? "" : JSON.stringify(data);
  return new Promise((resolve, reject) => {
    const options = {
      host: "192.0.2.10",
      localAddress: `192.0.2.${128 + (address % 64)}`,
      agent: false,
      rejectUnauthorized: false,
      timeout: 30_000,
      method,
      path,
      auth,
      headers: { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) },
    };
    const sent = https.request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part) => (text += part));
      response.on("error", reject);
      response.on("end", () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`${response.statusCode} ${text}`)),
      );
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer within 30 s")));
    sent.on("error", reject);
    sent.end(body);
  });
}

async function announce(address, hostname) {
  const data = { hostname, distro_target: "sles-11-x86_64" };
  const answer = JSON.parse(await request(address, "POST", "/connect/subscriptions/systems", { data }));
  return { guid: answer.login, auth: `${answer.login}:${answer.password}` };
}
const activate = (address, auth, product) =>
  request(address, "POST", "/connect/systems/products", { auth, data: product });

/** Takes the steps of a client, and prints how it went. */
async function client(name, steps) {
  const told = { name, start: Date.now() };
  try {
    for (const [step, take] of Object.entries(steps)) {
      told.step = step;
      await take(told);
    }
    delete told.step;
  } catch (error) {
    told.error = error.message || error.code;
  }
  delete told.auth;
  console.log(JSON.stringify({ ...told, end: Date.now() }));
}

async function load(count, rate, prefix, product) {
  for (let number = 0; number < count; number++) {
    const name = `${prefix}-${number}`;
    void client(name, {
      announce: async (told) => Object.assign(told, await announce(number, name)),
      activate: async (told) => {
        await activate(number, told.auth, product);
        told.registered = true;
      },
      index: async ({ auth }) => {
        if (!(await request(number, "GET", "/repo/repoindex.xml", { auth })).includes("lab-updates")) {
          throw new Error("its index is empty");
        }
      },
    });
    await sleep(1000 / rate);
  }
}

async function twice(count, prefix, product) {
  for (let number = 0; number < count; number++) {
    const { auth, guid } = await announce(number, `${prefix}-${number}`);
    // Both servers know it.
    await sleep(5000);
    const once = (address) =>
      client(`${prefix}-${number}`, {
        activate: async (told) => {
          told.guid = guid;
          await activate(address, auth, product);
          told.registered = true;
        },
      });
    // Addresses that are one apart are balanced to different servers as often as not.
    await Promise.all([once(number), once(number + 1)]);
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === "twice") {
  void twice(Number(rest[0]), rest[1], JSON.parse(rest[2]));
} else {
  void load(Number(first), Number(rest[0]), rest[1], JSON.parse(rest[2]));
}
