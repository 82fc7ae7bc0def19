// echo.js serve|visit VERSION LEAVES CA ... -- Node's TLS, for the table of peers.
//   serve VERSION LEAVES CA ALPN RESPONSE   prints "ready PORT", sends back what
//     comes; demands a client certificate by CA, and staples the file RESPONSE,
//     unless they are empty
//   visit VERSION LEAVES CA ALPN PORT TEXT SIGALGS [twice]   sends TEXT,
//     prints what comes until it is back; speaks the last protocol of ALPN, or
//     none; with "twice" once more, with the session it got
// ALPN: protocols, with commas. LEAVES: names of pairs NAME.crt, NAME.key, with commas; none if empty.
const fs = require('fs');
const tls = require('tls');

const [mode, version, leaves, ca, alpn, port, text, sigalgs, twice] = process.argv.slice(2);
setTimeout(() => process.exit(3), 20000);

const names = leaves === '' ? [] : leaves.split(',');
const protocols = alpn === '' ? [] : alpn.split(',');
const options = {
  ALPNProtocols: protocols.length > 0 ? protocols : undefined,
  cert: names.map((name) => fs.readFileSync(name + '.crt')),
  key: names.map((name) => fs.readFileSync(name + '.key')),
  ca: ca === '' ? undefined : fs.readFileSync(ca),
  minVersion: version, maxVersion: version, sigalgs: sigalgs || undefined,
};

if (mode === 'serve') {
  const server = tls.createServer({
    ...options, requestCert: ca !== '', rejectUnauthorized: ca !== '',
  }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  if (port) {  // RESPONSE stands there
    server.on('OCSPRequest', (certificate, issuer, done) => done(null, fs.readFileSync(port)));
  }
  server.listen(0, '127.0.0.1', () => console.log(`ready ${server.address().port}`));
} else {
  const visit = (session, left) => {
    const socket = tls.connect({
      ...options, port: Number(port), host: '127.0.0.1', servername: 'localhost', session,
    }, () => {
      if (socket.alpnProtocol !== (protocols.at(-1) ?? false)) process.exit(2);
      socket.write(text + '\n');
    });
    let got = '';
    let kept;
    socket.on('session', (given) => { kept = given; });
    socket.on('data', (data) => {
      got += data;
      if (got === text + '\n') {
        console.log(got);
        socket.end();
      }
    });
    socket.on('close', () => {
      if (got !== text + '\n') process.exit(1);
      if (left > 1) visit(kept, left - 1);
      else process.exit(0);
    });
    socket.on('error', (error) => {
      console.log(error.message);
      process.exit(1);
    });
  };
  visit(undefined, twice ? 2 : 1);
}
