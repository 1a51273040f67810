// One visit of a WebSocket API with the `ws` package: reads it as JSON, and writes what came of it.

import { readFileSync } from "node:fs";

import WebSocket from "ws";

const { url, subprotocols, says, answers } = JSON.parse(readFileSync(0, "utf8"));
const outcome = { subprotocol: null, received: [], code: null, reason: "", complaint: "" };
const socket = new WebSocket(url, subprotocols);

socket.on("open", () => {
  outcome.subprotocol = socket.protocol || null;
  for (const { text, fragments, bytes } of says) {
    if (bytes !== null) {
      socket.send(Buffer.alloc(bytes));
    } else if (fragments > 1) {
      const size = Math.ceil(text.length / fragments);
      for (let part = 0; part < fragments; part += 1) {
        const fin = part === fragments - 1;
        socket.send(text.slice(part * size, (part + 1) * size), { fin });
      }
    } else {
      socket.send(text);
    }
  }
  leaveIfDone();
});
socket.on("message", (data) => {
  outcome.received.push(data.toString());
  leaveIfDone();
});
socket.on("error", (error) => {
  outcome.complaint = error.message;
});
socket.on("close", (code, reason) => {
  outcome.code = code;
  outcome.reason = reason.toString();
  console.log(JSON.stringify(outcome));
});

function leaveIfDone() {
  if (answers !== null && outcome.received.length >= answers) {
    socket.close(1000);
  }
}
