package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"unicode/utf8"
)

// appendFrame adds an unmasked text frame; at most 64 KiB.
func appendFrame(to, payload []byte) []byte {
	return append(appendHead(to, len(payload)), payload...)
}

func appendHead(to []byte, length int) []byte {
	if length < 126 {
		return append(to, 0x81, byte(length))
	}
	return append(to, 0x81, 126, byte(length>>8), byte(length))
}

const before, after = `42["message","`, `"]`

// appendMessage adds the frame of the event `message` with this text.
func appendMessage(to, text []byte) []byte {
	if plain(text) {
		to = appendHead(to, len(before)+len(text)+len(after))
		to = append(to, before...)
		to = append(to, text...)
		return append(to, after...)
	}
	quoted, err := json.Marshal(string(text))
	if err != nil {
		return to
	}
	to = appendHead(to, len(before)+len(quoted)-2+len(after))
	to = append(to, before...)
	to = append(to, quoted[1:len(quoted)-1]...)
	return append(to, after...)
}

// plain says whether JSON needs no escape in this text.
func plain(text []byte) bool {
	for _, c := range text {
		if c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func unmask(payload, key []byte) {
	key4 := uint64(binary.LittleEndian.Uint32(key))
	key8 := key4<<32 | key4
	for len(payload) >= 8 {
		binary.LittleEndian.PutUint64(payload, binary.LittleEndian.Uint64(payload)^key8)
		payload = payload[8:]
	}
	for i := range payload {
		payload[i] ^= key[i&3]
	}
}

// nextFrame is the payload of the first frame, unmasked in place, and the frame's size; 0 if it is not all there.
func nextFrame(at []byte) ([]byte, int) {
	if len(at) < 2 {
		return nil, 0
	}
	length, header := int(at[1]&0x7f), 6
	if length == 126 {
		if header = 8; len(at) < header {
			return nil, 0
		}
		length = int(at[2])<<8 | int(at[3])
	}
	if length == 127 || len(at) < header+length {
		return nil, 0
	}
	payload := at[header : header+length]
	unmask(payload, at[header-4:header])
	return payload, header + length
}

// event is a client's: its ack id, or "", its name and its first argument, an object.
type event struct {
	id     string
	name   json.RawMessage
	object json.RawMessage
}

func parseEvent(text []byte) (event, bool) {
	bracket := bytes.IndexByte(text, '[')
	var parts []json.RawMessage
	if bracket < 0 || json.Unmarshal(text[bracket:], &parts) != nil || len(parts) != 2 || parts[1][0] != '{' {
		return event{}, false
	}
	return event{string(text[:bracket]), parts[0], parts[1]}, true
}

// appendLine adds the event as the server reads it.
func (e event) appendLine(to []byte, sid string) []byte {
	to = append(to, `{"username":"`...)
	to = append(to, sid...)
	to = append(to, `","action":`...)
	to = append(to, e.name...)
	to = append(to, ',')
	to = append(to, e.object[1:]...)
	return append(to, '~')
}
