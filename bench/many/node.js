// An echo server of bytes on Node: node.js CERT KEY.
const fs = require('fs'), tls = require('tls');
const server = tls.createServer({cert: fs.readFileSync(process.argv[2]), key: fs.readFileSync(process.argv[3])},
  conn => { conn.setNoDelay(true); conn.on('error', () => {}); conn.pipe(conn); });
server.listen({port: 0, host: '127.0.0.1', backlog: 4096}, () => console.log('port ' + server.address().port));
