// Echo.java serve|visit VERSION LEAVES CA ... -- Java's JSSE, for the table of
// peers.
//   serve VERSION LEAVES CA ALPN        prints "ready PORT", sends back what
//     comes; demands a client certificate by CA, unless that is empty
//   visit VERSION LEAVES CA ALPN PORT TEXT [twice]   sends TEXT, prints the line
//     that comes back; speaks the last protocol of ALPN, or none; with "twice"
//     once more, which resumes
// ALPN: protocols, with commas. LEAVES: names of pairs NAME.crt, NAME.key, with commas; none if empty.
import java.io.*;
import java.net.InetAddress;
import java.nio.file.*;
import java.security.*;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.*;

public class Echo {
  static List<Certificate> certificates(String file) throws Exception {
    try (InputStream in = Files.newInputStream(Path.of(file))) {
      return List.copyOf(CertificateFactory.getInstance("X.509").generateCertificates(in));
    }
  }

  static PrivateKey key(String file, String algorithm) throws Exception {
    String text = Files.readString(Path.of(file)).replaceAll("-----[^-]*-----|\\s", "");
    return KeyFactory.getInstance(algorithm)
        .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(text)));
  }

  static String[] protocols(String alpn) {
    return alpn.isEmpty() ? new String[0] : alpn.split(",");
  }

  static SSLContext context(String leaves, String ca) throws Exception {
    KeyStore own = KeyStore.getInstance("PKCS12"), trusted = KeyStore.getInstance("PKCS12");
    char[] none = new char[0];
    own.load(null, null);
    trusted.load(null, null);
    for (String name : leaves.isEmpty() ? new String[0] : leaves.split(",")) {
      Certificate leaf = certificates(name + ".crt").get(0);
      PrivateKey key = key(name + ".key", leaf.getPublicKey().getAlgorithm());
      own.setKeyEntry(Path.of(name).getFileName().toString(), key, none, new Certificate[] {leaf});
    }
    for (Certificate root : ca.isEmpty() ? List.<Certificate>of() : certificates(ca)) {
      trusted.setCertificateEntry("ca" + trusted.size(), root);
    }
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(own, none);
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), ca.isEmpty() ? null : trust.getTrustManagers(), null);
    return context;
  }

  static void serve(String version, String leaves, String ca, String alpn) throws Exception {
    SSLServerSocket listener = (SSLServerSocket) context(leaves, ca)
        .getServerSocketFactory().createServerSocket(0, 5, InetAddress.getByName("127.0.0.1"));
    listener.setEnabledProtocols(new String[] {version});
    listener.setNeedClientAuth(!ca.isEmpty());
    SSLParameters parameters = listener.getSSLParameters();
    parameters.setApplicationProtocols(protocols(alpn));
    listener.setSSLParameters(parameters);
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

  static boolean visit(SSLContext context, String version, String alpn, int port, String text) throws Exception {
    String line;
    try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port)) {
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      parameters.setProtocols(new String[] {version});
      parameters.setApplicationProtocols(protocols(alpn));
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      String spoken = socket.getApplicationProtocol();
      if (!(alpn.isEmpty() ? "" : alpn.substring(alpn.lastIndexOf(',') + 1)).equals(spoken)) {
        System.out.println("protocol " + spoken);
        System.exit(2);
      }
      socket.getOutputStream().write((text + "\n").getBytes("US-ASCII"));
      line = new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
      System.out.println(line);
    }
    return text.equals(line);
  }

  public static void main(String[] args) throws Exception {
    if (args[0].equals("serve")) serve(args[1], args[2], args[3], args[4]);
    else {
      SSLContext context = context(args[2], args[3]);
      boolean good = true;
      for (int i = args.length > 7 ? 2 : 1; good && i > 0; i--) {
        good = visit(context, args[1], args[4], Integer.parseInt(args[5]), args[6]);
      }
      System.exit(good ? 0 : 1);
    }
  }
}
