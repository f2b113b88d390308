package main

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	pingInterval = 25 * time.Second
	leastRoom    = 4 << 10
	mostRoom     = 64 << 10
)

// client is one Socket.IO connection.
type client struct {
	hub  *hub
	conn net.Conn
	sid  string
	ping *time.Timer
}

// serve upgrades a request to WebSocket (RFC 6455) and reads until the client is gone.
func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	hijacker, ok := w.(http.Hijacker)
	if !ok || r.Header.Get("Sec-WebSocket-Key") == "" {
		http.Error(w, "WebSocket only", http.StatusBadRequest)
		return
	}
	conn, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	c := &client{hub: h, conn: conn, sid: newID()}
	digest := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(digest[:]) + "\r\n\r\n"
	open := fmt.Sprintf(`0{"sid":"%s","upgrades":[],"pingInterval":%d,"pingTimeout":20000,"maxPayload":1000000}`,
		newID(), pingInterval.Milliseconds())
	conn.Write(appendFrame([]byte(answer), []byte(open)))
	c.ping = time.AfterFunc(pingInterval, c.sendPing)
	if h.joined {
		go c.readJoined() // a goroutine of its own: the handler's holds the request's buffers
	} else {
		c.readPlain(buffered.Reader)
	}
}

func newID() string {
	var id [15]byte
	rand.Read(id[:])
	return base64.URLEncoding.EncodeToString(id[:])
}

func (c *client) sendPing() {
	if _, err := c.conn.Write(appendFrame(nil, []byte("2"))); err == nil {
		c.ping.Reset(pingInterval)
	}
}

func (c *client) close() {
	c.ping.Stop()
	c.hub.remove(c)
	c.conn.Close()
}

// readPlain takes frame by frame, with a write for each.
func (c *client) readPlain(reader *bufio.Reader) {
	defer c.close()
	for {
		payload, err := readFrame(reader)
		if err != nil {
			return
		}
		toServer, toClient := c.take(payload, nil, nil)
		if !c.send(toServer, toClient) {
			return
		}
	}
}

// readJoined takes all frames that one read brought, with one write for all of them.
func (c *client) readJoined() {
	defer c.close()
	room, kept := make([]byte, leastRoom), 0
	var toServer, toClient []byte
	for {
		n, err := c.conn.Read(room[kept:])
		if err != nil {
			return
		}
		rest := room[:kept+n]
		toServer, toClient = toServer[:0], toClient[:0]
		for {
			payload, size := nextFrame(rest)
			if size == 0 {
				break
			}
			toServer, toClient = c.take(payload, toServer, toClient)
			rest = rest[size:]
		}
		if !c.send(toServer, toClient) {
			return
		}
		if kept+n == len(room) && len(room) < mostRoom {
			room = append(make([]byte, 0, mostRoom), rest...)[:mostRoom]
			kept = len(rest)
		} else if kept = copy(room, rest); kept == len(room) {
			return
		}
	}
}

// take adds what a packet makes necessary, in both directions.
func (c *client) take(packet, toServer, toClient []byte) ([]byte, []byte) {
	if len(packet) < 2 || packet[0] != '4' {
		return toServer, toClient // a pong
	}
	switch packet[1] {
	case '0':
		// Before the client is known to the hub, so that nothing overtakes it.
		c.conn.Write(appendFrame(nil, []byte(`40{"sid":"`+c.sid+`"}`)))
		c.hub.add(c)
	case '2':
		event, ok := parseEvent(packet[2:])
		if !ok {
			break
		}
		toServer = event.appendLine(toServer, c.sid)
		if event.id != "" {
			toClient = appendFrame(toClient, []byte("43"+event.id+`[{"ok":true}]`))
		}
	}
	return toServer, toClient
}

func (c *client) send(toServer, toClient []byte) bool {
	if len(toServer) > 0 {
		if _, err := c.hub.link.Write(toServer); err != nil {
			return false
		}
	}
	if len(toClient) > 0 {
		if _, err := c.conn.Write(toClient); err != nil {
			return false
		}
	}
	return true
}

func readFrame(reader *bufio.Reader) ([]byte, error) {
	head, err := reader.Peek(2)
	if err != nil {
		return nil, err
	}
	length, header := int(head[1]&0x7f), 6
	switch {
	case head[0]&0x0f == 8 || length == 127:
		return nil, io.EOF
	case length == 126:
		header = 8
		if head, err = reader.Peek(4); err != nil {
			return nil, err
		}
		length = int(head[2])<<8 | int(head[3])
	}
	frame := make([]byte, header+length)
	if _, err = io.ReadFull(reader, frame); err != nil {
		return nil, err
	}
	unmask(frame[header:], frame[header-4:header])
	return frame[header:], nil
}
