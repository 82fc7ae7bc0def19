// echo.js serve|visit ... -- Node's TLS, for the table of peers.
//   serve CERT KEY VERSION         prints "ready PORT", sends back what comes
//   visit PORT CA VERSION TEXT     sends TEXT, prints what comes until it is back
const fs = require('fs');
const tls = require('tls');

const [mode, first, second, version, text] = process.argv.slice(2);
setTimeout(() => process.exit(3), 20000);

if (mode === 'serve') {
  const server = tls.createServer({
    cert: fs.readFileSync(first), key: fs.readFileSync(second),
    minVersion: version, maxVersion: version,
  }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1', () => console.log(`ready ${server.address().port}`));
} else {
  const socket = tls.connect({
    port: Number(first), host: '127.0.0.1', servername: 'localhost',
    ca: fs.readFileSync(second), minVersion: version, maxVersion: version,
  }, () => socket.write(text + '\n'));
  let got = '';
  socket.on('data', (data) => {
    got += data;
    if (got === text + '\n') {
      console.log(got);
      socket.end();
    }
  });
  socket.on('close', () => process.exit(got === text + '\n' ? 0 : 1));
  socket.on('error', (error) => {
    console.log(error.message);
    process.exit(1);
  });
}
