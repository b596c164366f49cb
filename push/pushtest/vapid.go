package pushtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// checkVAPID checks a sender's credentials and returns its public key. They
// are checked in full, signature included, once; the same ones pass until they
// expire.
func (s *Service) checkVAPID(authorization string, now time.Time) (key []byte, err error) {
	if known, ok := s.tokens.Load(authorization); ok {
		if c := known.(credentials); now.Before(c.expires) {
			return c.key, nil
		}
	}
	c, err := parseVAPID(authorization, s.origin, now)
	if err != nil {
		return nil, err
	}
	s.tokens.Store(authorization, c)
	return c.key, nil
}

// CheckVAPID checks an Authorization header in full, by RFC 8292, for the push
// service at origin at the time now. It returns the sender's public key, an
// uncompressed point, and when the credentials expire.
func CheckVAPID(authorization, origin string, now time.Time) (key []byte, expires time.Time, err error) {
	c, err := parseVAPID(authorization, origin, now)
	return c.key, c.expires, err
}

// credentials are a sender's, found good.
type credentials struct {
	key     []byte // uncompressed
	expires time.Time
}

// parseVAPID checks an Authorization header by RFC 8292 for the push service
// at origin. The error is a refusal: 401 for none, 403 for bad ones.
func parseVAPID(authorization, origin string, now time.Time) (credentials, error) {
	params, ok := strings.CutPrefix(authorization, "vapid ")
	if !ok {
		return credentials{}, refusal{http.StatusUnauthorized, "VAPID credentials are missing"}
	}
	var token, k string
	for p := range strings.SplitSeq(params, ",") { // section 3: in any order
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch name {
		case "t":
			token = value
		case "k":
			k = value
		}
	}
	refuse := func(problem string) (credentials, error) {
		return credentials{}, refusal{http.StatusForbidden, "VAPID: " + problem}
	}
	raw, err := base64.RawURLEncoding.DecodeString(k)
	if err != nil {
		return refuse("k is not base64url")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return refuse("k is not an uncompressed point on P-256")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return refuse("t is not a token of three parts")
	}
	var header struct{ Alg, Typ string }
	if !decode(parts[0], &header) || header.Alg != "ES256" || header.Typ != "" && !strings.EqualFold(header.Typ, "JWT") {
		return refuse("the token's header is not that of an ES256 JWT")
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(sig) != 64 {
		return refuse("the signature is not 64 bytes of base64url")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return refuse("the signature is wrong")
	}
	var claims struct {
		Aud string `json:"aud"`
		Exp int64  `json:"exp"`
		Sub string `json:"sub"`
	}
	if !decode(parts[1], &claims) {
		return refuse("the claims are not what RFC 8292 section 2 names")
	}
	expires := time.Unix(claims.Exp, 0)
	switch {
	case claims.Aud != origin:
		return refuse("aud is " + claims.Aud + ", not " + origin)
	case !now.Before(expires):
		return refuse("the token has expired")
	case expires.After(now.Add(24 * time.Hour)):
		return refuse("the token lasts more than 24 hours")
	case claims.Sub != "" && !strings.HasPrefix(claims.Sub, "mailto:") && !strings.HasPrefix(claims.Sub, "https:"):
		return refuse("sub is neither mailto: nor https:") // section 2.1
	case strings.HasPrefix(claims.Sub, "mailto:mailto:"):
		return refuse("sub says mailto: twice")
	}
	return credentials{raw, expires}, nil
}

func decode(part string, out any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, out) == nil
}
