// As http_server.py, in Node: raw answers over its tls module, /NAME?end=HOW
// with keep, notify, cut and hold. `node http_server.js DIRECTORY PEM`
const fs = require("fs");
const tls = require("tls");

const [directory, pem] = process.argv.slice(2);
const both = fs.readFileSync(pem);

const server = tls.createServer({ key: both, cert: both }, (socket) => {
  let received = "";
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    received += bytes.toString("latin1");
    if (!received.includes("\r\n\r\n")) return;
    const url = new URL(received.split(" ")[1], "https://localhost/");
    received = "";
    const how = url.searchParams.get("end") || "keep";
    socket.write(fs.readFileSync(directory + url.pathname), () => {
      if (how === "notify") socket.end();
      if (how === "cut") socket.destroy();
    });
  });
});

server.listen(0, "127.0.0.1", () => console.log("ready " + server.address().port));
