// Echo.java serve|visit ... -- Java's JSSE, for the table of peers.
//   serve PKCS12 VERSION         prints "ready PORT", sends back what comes
//   visit PORT CA VERSION TEXT   sends TEXT, prints the line that comes back
import java.io.*;
import java.net.InetAddress;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

public class Echo {
  static final char[] PASS = "secret".toCharArray();

  static SSLContext context(KeyManager[] keys, TrustManager[] trust) throws Exception {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys, trust, null);
    return context;
  }

  static void serve(String file, String version) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(Path.of(file))) { store.load(in, PASS); }
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(store, PASS);
    SSLServerSocket listener = (SSLServerSocket) context(keys.getKeyManagers(), null)
        .getServerSocketFactory().createServerSocket(0, 5, InetAddress.getByName("127.0.0.1"));
    listener.setEnabledProtocols(new String[] {version});
    System.out.println("ready " + listener.getLocalPort());
    while (true) {
      try (SSLSocket socket = (SSLSocket) listener.accept()) {
        byte[] block = new byte[4096];
        int n;
        while ((n = socket.getInputStream().read(block)) > 0) {
          socket.getOutputStream().write(block, 0, n);
          socket.getOutputStream().flush();
        }
      } catch (IOException e) { System.out.println(e); }
    }
  }

  static void visit(int port, String ca, String version, String text) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream in = Files.newInputStream(Path.of(ca))) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(store);
    String line;
    try (SSLSocket socket = (SSLSocket) context(null, trust.getTrustManagers())
        .getSocketFactory().createSocket("localhost", port)) {
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      parameters.setProtocols(new String[] {version});
      socket.setSSLParameters(parameters);
      socket.getOutputStream().write((text + "\n").getBytes("US-ASCII"));
      line = new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
      System.out.println(line);
    }
    System.exit(text.equals(line) ? 0 : 1);
  }

  public static void main(String[] args) throws Exception {
    if (args[0].equals("serve")) serve(args[1], args[2]);
    else visit(Integer.parseInt(args[1]), args[2], args[3], args[4]);
  }
}
