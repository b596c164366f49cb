package seal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// ErrToken means that an Authorization is none that the push service should take.
var ErrToken = errors.New("not a VAPID token to be taken")

// Check is the push service's side of [Signer.Authorization]: it is nil if the
// header is signed with the key pair of which public is the one half, is for
// origin and is in force at the time now (RFC 8292 section 2). header may be
// anybody's. Errors: ErrToken.
func Check(header, public, origin string, now time.Time) error {
	fail := func(why string) error { return fmt.Errorf("%w: %s", ErrToken, why) }
	fields, ok := strings.CutPrefix(header, "vapid t=")
	token, key, found := strings.Cut(fields, ", k=")
	if !ok || !found || key != public {
		return fail("it is not of this key")
	}
	point, err := decode(public, pointSize)
	if err != nil {
		return fail("the key is none")
	}
	holder, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return fail("the key is none")
	}
	dot := strings.LastIndexByte(token, '.')
	if dot < 0 {
		return fail("it has no signature")
	}
	sig, err := decode(token[dot+1:], 64)
	if err != nil {
		return fail("its signature has the wrong form")
	}
	sum := sha256.Sum256([]byte(token[:dot]))
	if !ecdsa.Verify(holder, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return fail("its signature is wrong")
	}
	head, body, _ := strings.Cut(token[:dot], ".")
	var claims struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
	}
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || head != jwtHeader || json.Unmarshal(text, &claims) != nil {
		return fail("its claims cannot be read")
	}
	if left := time.Unix(claims.Expires, 0).Sub(now); claims.Audience != origin || left <= 0 || left > 24*time.Hour {
		return fail("it is for another service or time")
	}
	return nil
}
