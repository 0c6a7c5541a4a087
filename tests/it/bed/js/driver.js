// driver.js: does with the AWS SDK for JavaScript what it is told, for the test bed.
//
// Speaks as boto_driver.py does, of which it knows "call" and "pages".
"use strict";

const readline = require("node:readline");

const SERVICES = {
  iam: { sdk: require("@aws-sdk/client-iam"), client: "IAMClient" },
  sts: { sdk: require("@aws-sdk/client-sts"), client: "STSClient" },
};
const DOES = { call, pages };
const clients = new Map();

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const asked = JSON.parse(line);
    let answer;
    try {
      answer = { ok: plain(await DOES[asked.do](asked)) };
    } catch (error) {
      if (error.$metadata?.httpStatusCode === undefined) {
        throw error;
      }
      answer = { error: refused(error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}

async function call({ service, action, params, as }) {
  const Command = SERVICES[service].sdk[`${action}Command`];
  const { $metadata, ...answer } = await client(service, as).send(new Command(params));
  return { answer, request_id: $metadata.requestId, retries: $metadata.attempts - 1 };
}

async function pages({ service, action, params, as, size }) {
  const found = [];
  const paginate = SERVICES[service].sdk[`paginate${action}`];
  for await (const { $metadata, ...page } of paginate({ client: client(service, as), pageSize: size }, params)) {
    found.push(page);
  }
  return found;
}

function client(service, as) {
  const key = JSON.stringify([service, as]);
  if (!clients.has(key)) {
    const of = SERVICES[service];
    const made = new of.sdk[of.client]({
      region: "us-east-1",
      endpoint: process.env.AWS_ENDPOINT_URL,
      credentials: { accessKeyId: as.id, secretAccessKey: as.secret, sessionToken: as.token },
      systemClockOffset: (as.clock ?? 0) * 1000,
    });
    clients.set(key, made);
  }
  return clients.get(key);
}

function refused(error) {
  return {
    class: error.name,
    code: error.Code ?? error.name,
    message: error.message,
    status: error.$metadata.httpStatusCode,
    request_id: error.$metadata.requestId,
  };
}

function plain(value) {
  if (value instanceof Date) {
    return { time: Math.trunc(value.getTime() / 1000) };
  }
  if (value instanceof Uint8Array) {
    return { bytes: Buffer.from(value).toString("base64") };
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
  }
  return value;
}

main();
