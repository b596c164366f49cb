package hub

import "encoding/binary"

// The close codes we send (RFC 6455 section 7.4; 4000 to 4999 are ours).
const (
	closeProtocol = 1002
	closeGarbled  = 1007
	closePolicy   = 1008
	closeTooBig   = 1009
	closeRestart  = 1012
	closeTryLater = 1013
	closeSlow     = 4008
)

// goodbye is the last thing a reader is sent: a close frame over a WebSocket,
// nothing where the end says enough. The reason has at most 123 bytes.
func (r *reader) goodbye(code uint16, reason string) []byte {
	if !r.form.socket() {
		return nil
	}
	const finalClose = 0x80 | 0x8
	b := []byte{finalClose, byte(2 + len(reason))}
	return append(binary.BigEndian.AppendUint16(b, code), reason...)
}

// unit is the length of what b begins with and must not be broken off. Only
// WebSocket has close frames, which need the one before them to be whole.
func (r *reader) unit(b []byte) int {
	if !r.form.socket() || b[0]&0x80 == 0 { // the second is a handshake's answer, with hello
		return len(b)
	}
	return serverFrame(b)
}
