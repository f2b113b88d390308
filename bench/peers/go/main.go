// The bridge in Go, standard library only: plain, a write a message and client; or -joined, with the
// bridge's idea: what one read brought is encoded once and goes out in one write a client.
//
//	peer -server 127.0.0.1:PORT -port 0 [-joined]
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

const readAtOnce = 256 << 10

// hub is all clients, by id, and the link.
type hub struct {
	link    net.Conn
	joined  bool
	mutex   sync.RWMutex
	clients map[string]*client
}

func (h *hub) add(c *client) {
	h.mutex.Lock()
	h.clients[c.sid] = c
	h.mutex.Unlock()
}

func (h *hub) remove(c *client) {
	h.mutex.Lock()
	delete(h.clients, c.sid)
	h.mutex.Unlock()
}

func (h *hub) broadcast(frames []byte) {
	h.mutex.RLock()
	for _, c := range h.clients {
		c.conn.Write(frames)
	}
	h.mutex.RUnlock()
}

func (h *hub) one(sid string) *client {
	h.mutex.RLock()
	defer h.mutex.RUnlock()
	return h.clients[sid]
}

// user is the one that a message is for, or "".
func user(text []byte) string {
	var message struct{ Username string }
	if len(text) > 0 && text[0] == '{' && json.Unmarshal(text, &message) == nil {
		return message.Username
	}
	return ""
}

// readPlain sends each message on its own.
func (h *hub) readPlain() error {
	reader := bufio.NewReaderSize(h.link, 64<<10)
	for {
		text, err := reader.ReadBytes('~')
		if err != nil {
			return err
		}
		text = text[:len(text)-1]
		packet, err := json.Marshal([]string{"message", string(text)})
		if err != nil {
			return err
		}
		frame := appendFrame(nil, append([]byte("42"), packet...))
		if sid := user(text); sid == "" {
			h.broadcast(frame)
		} else if c := h.one(sid); c != nil {
			c.conn.Write(frame)
		}
	}
}

// readJoined sends what one read brought in one write a client.
func (h *hub) readJoined() error {
	room := make([]byte, readAtOnce)
	kept := 0
	var frames []byte
	for {
		n, err := h.link.Read(room[kept:])
		if err != nil {
			return err
		}
		rest := room[:kept+n]
		frames = frames[:0]
		alone := map[*client][]byte{}
		for {
			end := bytes.IndexByte(rest, '~')
			if end < 0 {
				break
			}
			if sid := user(rest[:end]); sid == "" {
				frames = appendMessage(frames, rest[:end])
			} else if c := h.one(sid); c != nil {
				alone[c] = appendMessage(alone[c], rest[:end])
			}
			rest = rest[end+1:]
		}
		kept = copy(room, rest)
		if kept == len(room) {
			return io.ErrShortBuffer
		}
		if len(frames) > 0 {
			h.broadcast(frames)
		}
		for c, own := range alone {
			c.conn.Write(own)
		}
	}
}

func main() {
	server := flag.String("server", "", "host:port of the TCP server")
	port := flag.Int("port", 0, "where to serve; 0 takes a free port")
	joined := flag.Bool("joined", false, "one write a burst and client")
	flag.Parse()
	link, err := net.Dial("tcp", *server)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("open http://%s\n", listener.Addr())
	h := &hub{link: link, joined: *joined, clients: map[string]*client{}}
	http.HandleFunc("/socket.io/", h.serve)
	go func() { log.Fatal(http.Serve(listener, nil)) }()
	if *joined {
		err = h.readJoined()
	} else {
		err = h.readPlain()
	}
	if err != io.EOF {
		log.Fatal(err)
	}
}
