package sms_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twilio/twilio-go/client"
	"pgregory.net/rapid"

	"dotyk/channels/sms"
)

func TestSignature(t *testing.T) {
	t.Parallel()

	// The example of Twilio's security documentation.
	const token, address = "12345", "https://mycompany.com/myapp.php?foo=1&bar=2"
	form := url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"},
		"To": {"+18005551212"},
	}
	signature := sms.Sign(token, address, form)
	require.Equal(t, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", signature)
	require.True(t, sms.ValidSignature(token, address, form, signature))

	t.Run("with and without the port", func(t *testing.T) {
		t.Parallel()
		withPort := "https://mycompany.com:443/myapp.php?foo=1&bar=2"
		require.True(t, sms.ValidSignature(token, withPort, form, signature))
		require.True(t, sms.ValidSignature(token, address, form, sms.Sign(token, withPort, form)))
		require.True(t, sms.ValidSignature(token, "http://[::1]:8080/x", nil, sms.Sign(token, "http://[::1]/x", nil)))
		require.False(t, sms.ValidSignature(token, "http://mycompany.com/myapp.php?foo=1&bar=2", form, signature))
	})
	t.Run("without the fragment", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, signature, sms.Sign(token, address+"#rc=5&rp=all", form))
	})
	t.Run("refuses", func(t *testing.T) {
		t.Parallel()
		other := url.Values{"CallSid": {"CA1234567890ABCDE"}}
		require.False(t, sms.ValidSignature(token, address, other, signature))
		require.False(t, sms.ValidSignature("54321", address, form, signature))
		require.False(t, sms.ValidSignature(token, address+"0", form, signature))
		require.False(t, sms.ValidSignature(token, address, form, ""))
		require.False(t, sms.ValidSignature("", address, form, sms.Sign("", address, form)), "no token, no trust")
		require.False(t, sms.ValidSignature(token, "::", form, signature))
	})
	t.Run("several values", func(t *testing.T) {
		t.Parallel()
		require.Equal(t,
			sms.Sign(token, address, url.Values{"a": {"1", "2"}}),
			sms.Sign(token, address, url.Values{"a": {"2", "1", "2"}}))
	})
}

func TestSignatureAgainstTheLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.StringMatching(`[0-9a-f]{8,32}`).Draw(t, "token")
		address := rapid.StringMatching(`https?://[a-z]{1,9}\.example(:[1-9][0-9]{1,3})?/[a-z]{0,5}(\?touch=[0-9a-f]{1,9})?`).Draw(t, "url")
		single := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "form")
		form := url.Values{}
		for k, v := range single {
			form.Set(k, v)
		}
		validator := client.NewRequestValidator(token)
		require.True(t, validator.Validate(address, single, sms.Sign(token, address, form)))
	})
}
