import java.nio.file.*; import java.util.*; import java.util.concurrent.*; import java.util.logging.*; import java.util.stream.*;
public class Routine {
  static final Random R = new Random();
  static Logger log(String name) { return Logger.getLogger("org.example." + name); }
  static int n() { return R.nextInt(9999); }
  static void say(Logger log, String... lines) { for (String l : lines) log.log(R.nextBoolean() ? Level.INFO : Level.FINE, l.replace("#", "" + n())); }
  public static void main(String[] a) throws Exception {
    say(log("Main"), "Starting Routine using Java " + Runtime.version() + " with PID #", "No active profile set, falling back to default", "Started in 0.# seconds",
      "Registering beans for JMX exposure on startup", "Initialized context in # ms", "Server started on port #", "Loaded # properties from application.properties");
    say(log("vault.Keeper"), "Took piece # of parcel # from peer 10.0.#.1", "Parcel # is complete, # pieces", "Inventory of # parcels sent to the registrar", "Parcel # is sound", "Dropped expired parcel #", "Registrar has no orders, # parcels held");
    say(log("cache.Shelf"), "Kept item # in the heap, # of # MB used", "Shelf opened with # MB", "Item # let go", "Made room: # old items went");
    say(log("crew.Hand"), "Step # of plan # begun", "Step # of plan # over, # bytes handed back", "Was given step #", "Told the foreman about part #", "Reading range # to # of the ledger", "Foreman sends the crew home");
    say(log("council.Member"), "Minutes saved up to #", "Seat # granted to visitor 10.0.0.# for # s", "Visitor 10.0.0.# has left", "Agreed on chair # after # ms", "Visitor from 10.0.1.#:# let in", "Vote # opened, my number is #");
    ExecutorService pool = Executors.newFixedThreadPool(3); List<Future<Integer>> all = new ArrayList<>();
    for (int i = 0; i < 6; i++) { int k = i; all.add(pool.submit(() -> { say(log("worker.Job" + k), "Job # started by " + Thread.currentThread().getName(), "Job # done, # rows"); return k; })); }
    for (Future<Integer> f : all) log("pool").info("Result " + f.get()); pool.shutdown();
    Path p = Files.createTempFile("x", ".tmp"); Files.writeString(p, "x".repeat(999)); say(log("io.Store"), "Wrote " + p, "Compaction of # files into 1 finished in # ms", "Flushed memtable of # MB", "Checkpoint # complete", "Opened index with # segments"); Files.delete(p);
    say(log("orders.OrderService"), "Order # accepted for customer #", "Payment # authorised", "Invoice # sent", "Shipment # handed to carrier", "Basket # expired, # items returned to stock", "Price list reloaded, # entries");
    say(log("net.Client"), "GET /api/items/# -> 200 in # ms", "Opened connection to 10.1.2.#:443 using TLSv1.3", "Pool stats: total=#, active=#, idle=#, waiting=0", "Keep-alive of # s agreed", "Followed redirect to /login", "Cookie store holds # cookies");
    log("stats").fine(IntStream.range(0, 9).mapToObj(i -> "m" + i + "=" + n()).collect(Collectors.joining(", ")));
    say(log("Main"), "Shutdown requested", "Closing # connections", "Stopped gracefully after # s", "Goodbye");
  }
}
