// What became of an emit that got no ack: the stock client has two errors for it, told apart by their words.

/** Whether the connection was lost meanwhile, and not the time over. */
export function lost(error) {
  return error.message === "socket has been disconnected";
}
