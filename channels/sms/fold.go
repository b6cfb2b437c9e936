package sms

import "strings"

// folded lists what Twilio's smart encoding writes instead of characters that GSM-7 lacks
// (https://www.twilio.com/docs/messaging/services/smart-encoding-char-list): each row is what is written, and for which
// characters.
var folded = [][2]string{
	{"\"", "«»ʺˮ“”„‟❝❞〝〞＂"},
	{"'", "`´ʹʻʼʽˈˊˋ\u0313\u0314‗‘’‛❛❜︐︑＇"},
	{"/", "÷\u0337\u0338⁄∕⧸／"},
	{"1/4", "¼"},
	{"1/2", "½"},
	{"3/4", "¾"},
	{"\\", "\u20E5⧵⧹﹨＼"},
	{"_", "\u0332＿"},
	{"|", "\u20D2\u20D3∣⎜⎟⎸⎹⏐｜"},
	{"-", "‐–—―•⁃⎼⎽﹣－"},
	{"@", "﹫＠"},
	{"$", "﹩＄"},
	{"!", "ǃ︕﹗！"},
	{"#", "﹟＃"},
	{"%", "﹪％"},
	{"&", "﹠＆"},
	{",", "\u0326‚、﹐﹑，､"},
	{"(", "❨❪⟮⦅﹙（"},
	{")", "❩❫⟯⦆﹚）"},
	{"*", "⁎∗⊛✢✣✤✥✱✲✳✺✻✼✽❃❉❊❋⧆﹡＊"},
	{"+", "˖﹢＋"},
	{".", "。﹒．｡"},
	{"0", "０"},
	{"1", "１"},
	{"2", "２"},
	{"3", "３"},
	{"4", "４"},
	{"5", "５"},
	{"6", "６"},
	{"7", "７"},
	{"8", "８"},
	{"9", "９"},
	{":", "ː˸⦂꞉︓："},
	{";", "⁏︔﹔；"},
	{"<", "›﹤＜"},
	{"=", "\u0347꞊﹦＝"},
	{">", "‹﹥＞"},
	{"?", "︖﹖？"},
	{"A", "ᴀＡ"},
	{"B", "ʙＢ"},
	{"C", "ᴄＣ"},
	{"D", "ᴅＤ"},
	{"E", "ᴇＥ"},
	{"F", "ꜰＦ"},
	{"G", "ɢＧ"},
	{"H", "ʜＨ"},
	{"I", "ɪＩ"},
	{"J", "ᴊＪ"},
	{"K", "ᴋＫ"},
	{"L", "ʟＬ"},
	{"M", "ᴍＭ"},
	{"N", "ɴＮ"},
	{"O", "ᴏＯ"},
	{"P", "ᴘＰ"},
	{"Q", "Ｑ"},
	{"R", "ʀＲ"},
	{"S", "ꜱＳ"},
	{"T", "ᴛＴ"},
	{"U", "ᴜＵ"},
	{"V", "ᴠＶ"},
	{"W", "ᴡＷ"},
	{"X", "Ｘ"},
	{"Y", "ʏＹ"},
	{"Z", "ᴢＺ"},
	{"^", "ˆ\u0302\u1DCD＾"},
	{"{", "❴﹛｛"},
	{"}", "❵﹜｝"},
	{"[", "［"},
	{"]", "］"},
	{"~", "˜˷\u0303\u0330\u0334∼～"},
	{"\u0020\u0020", "\u0080\u008D\u0090\u009B\u009F\u00A0\u2000\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u202F\u205F\u3000"},
	{"", "\u0000\u0003\u0004\u0010\u0011\u0012\u0013\u0014\u0017\u0019\u200B\u2060\uFEFF"},
	{"\u0020\u0020\u0020\u0020\u0020\u0020\u0020", "\u0009"},
	{"!!", "‼"},
	{"\u0020", "\u2001\u2028\u2029"},
	{"...", "…"},
}

var smartEncoding = newFolder()

func newFolder() *strings.Replacer {
	var pairs []string
	for _, row := range folded {
		for _, r := range row[1] {
			pairs = append(pairs, string(r), row[0])
		}
	}
	return strings.NewReplacer(pairs...)
}

// Fold writes a text as Twilio's smart encoding does: what GSM-7 lacks but has an equal in it is replaced by that, so that
// one curly quote does not cost twice the segments. What else GSM-7 lacks stays.
func Fold(body string) string { return smartEncoding.Replace(body) }

// CountFor is Count of what is sent: the folded text where the account has smart encoding.
func CountFor(body string, smart bool) Segments {
	if smart {
		body = Fold(body)
	}
	return Count(body)
}
