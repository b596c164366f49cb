package seal_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"

	"crier/push/seal"
)

func ExamplePrepare() {
	browser, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	keys := seal.Keys{P256dh: [65]byte(browser.PublicKey().Bytes()), Auth: [16]byte([]byte("sixteen secrets."))}

	prepared, err := seal.Prepare(keys) // while idle
	if err != nil {
		panic(err)
	}
	body, err := prepared.Seal(nil, []byte("news")) // when it counts
	if err != nil {
		panic(err)
	}
	text, err := seal.Open(browser, keys.Auth, body)
	fmt.Println(len(body), string(text), err)
	_, err = prepared.Seal(nil, []byte("more news"))
	fmt.Println(err)
	// Output:
	// 2048 news <nil>
	// a prepared key seals one message only
}
