import java.io.*; import java.net.*; import java.nio.file.*; import java.sql.*; import java.util.*;
import java.util.concurrent.*; import java.util.logging.*;
public class Orders {
  static final Logger LOG = Logger.getLogger("org.example.orders.OrderService");
  static final Logger NET = Logger.getLogger("org.example.net.Client");
  interface Task { void run() throws Exception; }
  static void attempt(Level level, String what, Task task) {
    try { LOG.log(Level.FINE, "Starting {0}", what); task.run(); LOG.info("Finished " + what); }
    catch (Throwable e) { LOG.log(level, "Could not " + what, e); }
  }
  static int deep(int n) { return deep(n + 1) + 1; }
  public static void main(String[] a) throws Exception {
    attempt(Level.SEVERE, "connect to the database", () -> new Socket("127.0.0.1", 9));
    attempt(Level.WARNING, "resolve the payment host", () -> InetAddress.getByName("no.invalid"));
    attempt(Level.SEVERE, "read configuration", () -> Files.readString(Path.of("/none/app.properties")));
    attempt(Level.WARNING, "parse quantity", () -> Integer.parseInt("12x"));
    attempt(Level.SEVERE, "load order", () -> ((String) null).length());
    attempt(Level.SEVERE, "compute route", () -> deep(0));
    attempt(Level.SEVERE, "cache catalogue", () -> new ArrayList<>(Collections.nCopies(1 << 30, "x")));
    attempt(Level.WARNING, "cast payload", () -> { Object o = "x"; Integer i = (Integer) o; });
    attempt(Level.WARNING, "index item", () -> { int[] x = new int[3]; x[7] = 1; });
    attempt(Level.SEVERE, "open JDBC connection", () -> DriverManager.getConnection("jdbc:none://x"));
    attempt(Level.WARNING, "wait for stock", () -> new CompletableFuture<String>().get(20, TimeUnit.MILLISECONDS));
    attempt(Level.SEVERE, "load plugin", () -> Class.forName("org.example.Missing"));
    attempt(Level.WARNING, "modify basket", () -> { List<Integer> l = new ArrayList<>(List.of(1,2,3)); for (int i : l) l.remove(0); });
    attempt(Level.SEVERE, "bind port", () -> { new ServerSocket(7777); new ServerSocket(7777); });
    attempt(Level.WARNING, "read object", () -> new ObjectInputStream(new ByteArrayInputStream(new byte[9])));
    attempt(Level.WARNING, "write report", () -> { try (Writer w = new FileWriter("/dev/full")) { w.write("x".repeat(99999)); } });
    attempt(Level.SEVERE, "run job", () -> Executors.newFixedThreadPool(2).submit(() -> { throw new IllegalStateException("job state is FAILED", new IOException("disk quota exceeded")); }).get());
    for (int i = 0; i < 5; i++) { NET.log(Level.FINER, "Retry {0} of 5", i); NET.config("timeout=" + i * 100); }
    NET.warning("Connection pool is 95% full"); LOG.severe("Giving up after 5 retries");
    Thread t = new Thread(() -> { throw new RuntimeException("unhandled in worker"); }, "worker-1"); t.start(); t.join();
    System.exit(a.length > 0 ? 3 : 0);
  }
}
