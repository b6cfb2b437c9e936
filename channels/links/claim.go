package links

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
)

// Errors of claims that cannot be signed.
var (
	// ErrBadTarget is returned for links that we do not lead anybody to.
	ErrBadTarget = errors.New("not a link to follow")
	// ErrBadID is returned for ids that are no UUID in its usual form.
	ErrBadID = errors.New("id is not a UUID such as 01890000-0000-7000-8000-000000000001")
	// ErrBadWorkspace is returned for numbers that no workspace has.
	ErrBadWorkspace = errors.New("not the number of a workspace")
)

// Purpose is what a token is for. A token for one purpose is no good for another.
type Purpose byte

// The purposes. Each but Unsubscribe is followed by the method of Signer that makes its tokens.
const (
	Unsubscribe     Purpose = unsubscribe // /u/…: Signer.Unsubscribe and Signer.Verify, which are older than Read
	Click           Purpose = 'c'         // /t/c/…: Signer.Click
	Open            Purpose = 'o'         // /t/o/….gif: Signer.Open
	Honeypot        Purpose = 'h'         // /t/h/…: Signer.Honeypot, a link that no person sees
	Preferences     Purpose = 'p'         // /u/p/…: Signer.Preferences
	Confirm         Purpose = 'd'         // /u/c/…: Signer.Confirm, double opt-in
	Bounce          Purpose = 'b'         // b+…@: Signer.Bounce
	UnsubscribeMail Purpose = 'm'         // u+…@: Signer.UnsubscribeMail
)

// Claim is what a token stands for.
type Claim struct {
	Workspace int64
	ID        string // UUID: of the message that carried the token; of a Confirm, of what is to be confirmed
	Target    string // of a Click: where it leads, an absolute http(s) URL; else empty
}

const (
	claimVersion = 2
	idLength     = 16
	// mailMAC is the length of the checksum in an address: 96 bits, so that the local part, which may have 64 letters,
	// has room for every workspace.
	mailMAC = 12
	// MaxMailToken is how many letters and digits a token of Bounce or UnsubscribeMail has at most.
	MaxMailToken = 60
	maxMailPlace = 1 << 55 // workspaces below it fit MaxMailToken
	// MaxTarget is how long a link may be that is led through us, in bytes.
	MaxTarget = 2048
)

// mailText is base32 in small letters: mail servers change the case of local parts.
var mailText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

var linkText = base64.RawURLEncoding.Strict()

// Click makes the token of a link of a message that is led through us, always the same for the same message and target.
// ErrBadTarget says that the link must stay as it is: it is not absolute, not http(s), or longer than MaxTarget.
func (s *Signer) Click(workspace int64, touchID, target string) (string, error) {
	if err := CheckTarget(target); err != nil {
		return "", err
	}
	return s.link(Click, workspace, touchID, target)
}

// Open makes the token of a message's picture.
func (s *Signer) Open(workspace int64, touchID string) (string, error) {
	return s.link(Open, workspace, touchID, "")
}

// Honeypot makes the token of a link that a message hides from people: who follows it is a machine.
func (s *Signer) Honeypot(workspace int64, touchID string) (string, error) {
	return s.link(Honeypot, workspace, touchID, "")
}

// Preferences makes the token of a message's link to the page where its recipient chooses topics and channels.
func (s *Signer) Preferences(workspace int64, touchID string) (string, error) {
	return s.link(Preferences, workspace, touchID, "")
}

// Confirm makes the token of a link that confirms something asked for, such as a consent; id names what it is. When it
// expires is for the record of what was asked for to say.
func (s *Signer) Confirm(workspace int64, id string) (string, error) {
	return s.link(Confirm, workspace, id, "")
}

// Bounce makes the token of a message's envelope sender, b+<token>@domain: at most MaxMailToken small letters and digits.
func (s *Signer) Bounce(workspace int64, touchID string) (string, error) {
	return s.mail(Bounce, workspace, touchID)
}

// UnsubscribeMail makes the token of the address to which a message's recipient unsubscribes by mail, u+<token>@domain: at
// most MaxMailToken small letters and digits.
func (s *Signer) UnsubscribeMail(workspace int64, touchID string) (string, error) {
	return s.mail(UnsubscribeMail, workspace, touchID)
}

// Read checks a token that was made for a purpose, other than Unsubscribe, which Verify reads. Any other is ErrBadToken.
// The case of letters matters in links, and does not in addresses.
func (s *Signer) Read(purpose Purpose, token string) (Claim, error) {
	payload, sum, err := decodeClaim(purpose, token)
	if err != nil {
		return Claim{}, err
	}
	if !s.genuine(payload, sum) {
		return Claim{}, ErrBadToken
	}
	return parseClaim(payload)
}

// WorkspaceOf says which workspace a token claims to be of, as Workspace does for unsubscribe links. The claim is worth
// nothing before Read.
func WorkspaceOf(purpose Purpose, token string) (int64, error) {
	payload, _, err := decodeClaim(purpose, token)
	if err != nil {
		return 0, err
	}
	claim, err := parseClaim(payload)
	return claim.Workspace, err
}

// URL is the address of a token of a link under base, such as https://dotyk.example.com. Tokens of addresses have none:
// they stand after b+ or u+.
func URL(base string, purpose Purpose, token string) string {
	base = strings.TrimSuffix(base, "/")
	switch purpose {
	case Click, Honeypot:
		return base + "/t/" + string(rune(purpose)) + "/" + token
	case Open:
		return base + "/t/o/" + token + ".gif"
	case Preferences:
		return base + "/u/p/" + token
	case Confirm:
		return base + "/u/c/" + token
	case Unsubscribe, Bounce, UnsubscribeMail:
	}
	return base + "/u/" + token
}

// CheckTarget says why nobody is led to a link: ErrBadTarget with the reason, nil for those that can be followed.
func CheckTarget(target string) error {
	if len(target) > MaxTarget {
		return fmt.Errorf("%w: longer than %d bytes", ErrBadTarget, MaxTarget)
	}
	for i := range len(target) {
		// Browsers drop or turn round what stands here, so that they would go elsewhere than the link says.
		if c := target[i]; c <= ' ' || c == '\\' || c == 0x7f {
			return fmt.Errorf("%w: %q at byte %d", ErrBadTarget, c, i)
		}
	}
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBadTarget, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: %q is neither http nor https", ErrBadTarget, u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("%w: it names no host", ErrBadTarget)
	}
	return nil
}

func (s *Signer) link(purpose Purpose, workspace int64, id, target string) (string, error) {
	room := make([]byte, 0, 2+binary.MaxVarintLen64+idLength+len(target)+macLength)
	payload, err := appendClaim(room, purpose, workspace, id)
	if err != nil {
		return "", err
	}
	payload = append(payload, target...)
	return linkText.EncodeToString(s.seal(payload, macLength)), nil
}

func (s *Signer) mail(purpose Purpose, workspace int64, id string) (string, error) {
	if workspace >= maxMailPlace {
		return "", ErrBadWorkspace
	}
	payload, err := appendClaim(make([]byte, 0, 2+binary.MaxVarintLen64+idLength+mailMAC), purpose, workspace, id)
	if err != nil {
		return "", err
	}
	return mailText.EncodeToString(s.seal(payload, mailMAC)), nil
}

func appendClaim(to []byte, purpose Purpose, workspace int64, id string) ([]byte, error) {
	if workspace <= 0 {
		return nil, ErrBadWorkspace
	}
	to = append(to, claimVersion<<4|number(purpose))
	to = binary.AppendUvarint(to, uint64(workspace))
	return appendID(to, id)
}

// number makes a purpose small enough for half a byte. The order must never change; new ones come last.
func number(purpose Purpose) byte {
	return byte(strings.IndexByte("?cohpdbm", byte(purpose)))
}

func decodeClaim(purpose Purpose, token string) (payload, sum []byte, err error) {
	length := macLength
	var raw []byte
	switch purpose {
	case Bounce, UnsubscribeMail:
		if len(token) > MaxMailToken {
			return nil, nil, ErrBadToken
		}
		length = mailMAC
		raw, err = mailText.DecodeString(strings.ToLower(token))
		if err == nil && mailText.EncodeToString(raw) != strings.ToLower(token) {
			err = ErrBadToken // bits that stand for nothing are set, or there are line breaks
		}
	case Click, Open, Honeypot, Preferences, Confirm:
		raw, err = linkText.DecodeString(token)
		if strings.ContainsAny(token, "\r\n") {
			err = ErrBadToken
		}
	case Unsubscribe:
		err = ErrBadToken
	}
	if err != nil || len(raw) <= length || raw[0] != claimVersion<<4|number(purpose) {
		return nil, nil, ErrBadToken
	}
	return raw[:len(raw)-length], raw[len(raw)-length:], nil
}

func parseClaim(payload []byte) (Claim, error) {
	workspace, n := binary.Uvarint(payload[1:])
	if n <= 0 || workspace == 0 || workspace > math.MaxInt64 || len(payload) < 1+n+idLength {
		return Claim{}, ErrBadToken
	}
	id, target := payload[1+n:][:idLength], string(payload[1+n+idLength:])
	claim := Claim{Workspace: int64(workspace), ID: formatID([idLength]byte(id)), Target: target}
	click := payload[0] == claimVersion<<4|number(Click)
	if click != (target != "") {
		return Claim{}, ErrBadToken
	}
	if click {
		if err := CheckTarget(target); err != nil {
			return Claim{}, fmt.Errorf("%w: %w", ErrBadToken, err)
		}
	}
	return claim, nil
}

// dashes are the places of a UUID's dashes.
const dashes = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"

// appendID writes a UUID as its 16 bytes. Capitals are refused, so that a claim reads back as it was made.
func appendID(to []byte, id string) ([]byte, error) {
	if len(id) != len(dashes) {
		return nil, ErrBadID
	}
	var text [2 * idLength]byte
	n := 0
	for i := range len(id) {
		c := id[i]
		switch {
		case dashes[i] == '-' && c == '-':
		case dashes[i] != '-' && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f'):
			text[n] = c
			n++
		default:
			return nil, ErrBadID
		}
	}
	to, err := hex.AppendDecode(to, text[:])
	if err != nil {
		return nil, ErrBadID
	}
	return to, nil
}

func formatID(id [idLength]byte) string {
	text := make([]byte, 0, len(dashes))
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, []byte{b})
	}
	return string(text)
}
