package client;

import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * The stock Socket.IO client of Java on a line of JSON: what it gets is printed, what it is told it does.
 *
 * <p>Main URL polling|websocket|upgrade. stdin: {"emit": [name, value]}, or with "binary": base64 in place of the
 * value; with "ack": id if it is to be acked. It ends when stdin does.
 */
public final class Main {
  /** What tells that it uses a WebSocket now; kept, as loggers that nobody has are collected. */
  private static final Logger ENGINE = Logger.getLogger("io.socket.engineio.client.Socket");

  private Main() {}

  public static void main(String[] args) throws Exception {
    IO.Options options = new IO.Options();
    options.forceNew = true;
    options.reconnectionDelay = 200;
    options.reconnectionDelayMax = 1000;
    options.transports =
        args[1].equals("upgrade") ? new String[] {"polling", "websocket"} : new String[] {args[1]};
    Socket socket = IO.socket(args[0], options);
    socket.on(Socket.EVENT_CONNECT, ignored -> say("connect", socket.id()));
    socket.on(Socket.EVENT_DISCONNECT, why -> say("disconnect", why[0]));
    socket.on(Socket.EVENT_CONNECT_ERROR, why -> say("error", String.valueOf(why[0])));
    socket.onAnyIncoming(
        event -> {
          List<Object> rest = Arrays.asList(event).subList(1, event.length);
          say("event", event[0], "args", new JSONArray(rest));
        });
    ENGINE.setLevel(Level.FINE);
    ENGINE.setUseParentHandlers(false);
    ENGINE.setFilter(
        record -> {
          if (record.getMessage().startsWith("changing transport")) {
            say("upgrade", true);
          }
          return false;
        });
    socket.connect();
    obey(socket);
    System.exit(0);
  }

  private static void obey(Socket socket) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JSONObject command = new JSONObject(line);
      JSONArray emit = command.getJSONArray("emit");
      Object data = emit.opt(1);
      if (command.has("binary")) {
        data = Base64.getDecoder().decode(command.getString("binary"));
      }
      if (command.has("ack")) {
        Object id = command.get("ack");
        Ack answered = answer -> say("ack", id, "answer", answer[0]);
        socket.emit(emit.getString(0), new Object[] {data}, answered);
      } else {
        socket.emit(emit.getString(0), data);
      }
    }
  }

  /** Names and values by turns. */
  private static synchronized void say(Object... pairs) {
    Map<String, Object> line = new LinkedHashMap<>();
    for (int at = 0; at < pairs.length; at += 2) {
      line.put((String) pairs[at], pairs[at + 1]);
    }
    System.out.println(new JSONObject(line));
  }
}
