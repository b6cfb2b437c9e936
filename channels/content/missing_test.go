package content_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/content"
)

func TestMissing(t *testing.T) {
	t.Parallel()
	bindings := content.Bindings{
		"gift": map[string]any{"code": content.Missing{Why: "the pool is empty"}, "expires_at": "Friday"},
		"list": []any{content.Missing{Why: "no first"}},
	}
	for text, c := range map[string]struct{ want, why string }{
		"Your code: {{ gift.code }}":                          {why: "the pool is empty"},
		"{{ gift['code'] | upcase }}":                         {why: "the pool is empty"},
		"{{ gift.code | prepend: 'Code ' }}":                  {why: "the pool is empty"},
		"{% capture c %}{{ gift.code }}{% endcapture %}":      {why: "the pool is empty"},
		"{% for x in list %}{{ x }}{% endfor %}":              {why: "no first"},
		"{{ list.first }}":                                    {why: "no first"},
		"until {{ gift.expires_at }}":                         {want: "until Friday"},
		"{{ gift.code | default: 'HELLO' }}":                  {want: "HELLO"},
		"{% if gift.code %}{{ gift.code }}{% endif %}bye":     {want: "bye"},
		"{% unless gift.code %}none{% endunless %}":           {want: "none"},
		"{% if gift.code == nil %}nil{% endif %}":             {want: "nil"},
		"{% if gift.code == blank %}blank{% endif %}":         {want: "blank"},
		"{% if gift.code == 'X' %}X{% else %}no{% endif %}":   {want: "no"},
		"{% if gift.code %}x{% endif %}{{ gift.expires_at }}": {want: "Friday"},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			sms, err := content.CompileSMS(text)
			require.NoError(t, err)
			got, err := sms.Render(t.Context(), bindings)
			if c.why == "" {
				require.NoError(t, err)
				require.Equal(t, c.want, got)
				return
			}
			var missing *content.MissingError
			require.ErrorAs(t, err, &missing)
			require.Equal(t, c.why, missing.Why)
		})
	}
}
