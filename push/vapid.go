package push

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	webpush "github.com/SherClockHolmes/webpush-go"

	"crier/push/seal"
)

// VAPIDFile is the usual name of the file with the keys, in the data directory.
const VAPIDFile = "vapid.json"

// VAPID is the pair of keys that subscriptions are made with (RFC 8292). Losing
// the private one loses every subscriber. It prints without its secret.
type VAPID struct{ private, public string }

// Public is the public key: an uncompressed point in base64url.
func (v VAPID) Public() string { return v.public }

// String is the public key.
func (v VAPID) String() string { return v.public }

// GoString is the public key.
func (v VAPID) GoString() string { return v.public }

// Secret is 32 bytes for the purpose, the same on all nodes that share the
// keys. It tells nothing of the private key, nor of other purposes' secrets.
func (v VAPID) Secret(purpose string) ([]byte, error) {
	b, err := hkdf.Key(sha256.New, []byte(v.private), nil, "crier "+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("a secret for %s: %w", purpose, err)
	}
	return b, nil
}

// vapidFile is the form of the file.
type vapidFile struct {
	Public  string `json:"public"`
	Private string `json:"private"`
}

// LoadOrCreateVAPID reads the keys at path or, if there is no file, makes them
// and writes one that only its owner can read; created tells. The file is
// there whole or not at all, whenever the power fails. A file that is not
// right is an error and is left as it is.
func LoadOrCreateVAPID(path string) (v VAPID, created bool, err error) {
	b, err := os.ReadFile(path)
	if err == nil {
		v, err = readVAPID(b)
	} else if errors.Is(err, fs.ErrNotExist) {
		created = true
		v, err = createVAPID(path)
	}
	if err != nil {
		return VAPID{}, false, fmt.Errorf("VAPID keys %s: %w", path, err)
	}
	return v, created, nil
}

func readVAPID(b []byte) (VAPID, error) {
	var f vapidFile
	if err := json.Unmarshal(b, &f); err != nil {
		return VAPID{}, fmt.Errorf("not the JSON it should be; restore the file from a backup: %w", err)
	}
	s, err := seal.NewSigner(f.Private, "https://localhost")
	if err != nil {
		return VAPID{}, fmt.Errorf("restore the file from a backup: %w", err)
	}
	if s.Public() != f.Public {
		return VAPID{}, errors.New("the two keys do not belong together; restore the file from a backup")
	}
	return VAPID{f.Private, f.Public}, nil
}

func createVAPID(path string) (VAPID, error) {
	b, err := NewVAPID()
	if err != nil {
		return VAPID{}, err
	}
	if err := writeWhole(path, b); err != nil {
		return VAPID{}, err
	}
	return readVAPID(b)
}

// NewVAPID makes a pair of keys, in the form of the file: for a store that
// several nodes share, see [ParseVAPID].
func NewVAPID() ([]byte, error) {
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		return nil, fmt.Errorf("make VAPID keys: %w", err)
	}
	b, err := json.MarshalIndent(vapidFile{public, private}, "", "\t")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// ParseVAPID reads the keys as [NewVAPID] made them.
func ParseVAPID(b []byte) (VAPID, error) {
	v, err := readVAPID(b)
	if err != nil {
		return VAPID{}, fmt.Errorf("VAPID keys: %w", err)
	}
	return v, nil
}

// writeWhole puts b at path so that a crash leaves all of it or nothing.
func writeWhole(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".vapid-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the first error is the one to tell
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // where a directory cannot be synced, and a rename needs none
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // nothing was written to it
	return d.Sync()
}
