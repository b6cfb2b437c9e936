package api

import "dotyk/rules/audience"

// texts are the words of the pages in one language.
type texts struct {
	lang                                        string
	thanks, thanksMore, notSent, back, later    string
	unsubscribe, email, sms, fromTopic, fromAll string
	unsubscribed, goneTopic, goneAll            string
	linkBroken, linkBrokenMore, notNow          string
	preferences, choose, byEmail, bySMS         string
	save, saved, noTopics                       string
	confirmTitle, confirmButton, confirmed      string
	everything, tooLate, tooLateMore            string
	reasons                                     map[string]string // of fields, from English; as they are when missing
}

func (t *texts) channel(c audience.Channel) string {
	if c == audience.SMS {
		return t.sms
	}
	return t.email
}

func (t *texts) by(c audience.Channel) string {
	if c == audience.SMS {
		return t.bySMS
	}
	return t.byEmail
}

func (t *texts) reason(english string) string {
	if own, ok := t.reasons[english]; ok {
		return own
	}
	return english
}

var english = texts{
	lang:   "en",
	thanks: "Thank you", thanksMore: "Your message has been received.",
	notSent: "The form was not sent", back: "Please go back in your browser; what you typed is still there.", later: "Please try again in a moment.",
	unsubscribe: "Unsubscribe", email: "You receive this e-mail from", sms: "You receive these text messages from",
	fromTopic: "Unsubscribe from", fromAll: "Unsubscribe from all messages",
	unsubscribed: "You are unsubscribed", goneTopic: "You will not receive any more messages on", goneAll: "You will not receive any more messages",
	linkBroken: "This link does not work", linkBrokenMore: "It may have been cut. Please open the link in the message itself, or reply to the message.",
	notNow:      "This does not work at the moment",
	preferences: "Your messages", choose: "Choose what you want to receive from", byEmail: "By e-mail", bySMS: "By text message",
	save: "Save", saved: "Your choice is saved.", noTopics: "There is nothing to choose from at present.",
	confirmTitle: "Do you want these messages?", confirmButton: "Yes, I want them", confirmed: "Thank you, it is confirmed",
	everything: "all messages", tooLate: "This link is too old", tooLateMore: "Please fill in the form once more to get a new one.",
}

var ukrainian = texts{
	lang:   "uk",
	thanks: "Дякуємо", thanksMore: "Ваше повідомлення отримано.",
	notSent: "Форму не надіслано", back: "Поверніться, будь ласка, у браузері назад: введене збереглося.", later: "Спробуйте, будь ласка, ще раз за хвилину.",
	unsubscribe: "Відписатися", email: "Ви отримуєте ці листи від", sms: "Ви отримуєте ці SMS від",
	fromTopic: "Відписатися від розсилки", fromAll: "Відписатися від усіх повідомлень",
	unsubscribed: "Вас відписано", goneTopic: "Ви більше не отримуватимете розсилку", goneAll: "Ви більше не отримуватимете повідомлень",
	linkBroken: "Це посилання не працює", linkBrokenMore: "Можливо, воно скопійоване не повністю. Відкрийте його із самого повідомлення або дайте на нього відповідь.",
	notNow:      "Зараз це не працює",
	preferences: "Ваші повідомлення", choose: "Виберіть, що ви хочете отримувати від", byEmail: "Електронною поштою", bySMS: "SMS",
	save: "Зберегти", saved: "Ваш вибір збережено.", noTopics: "Наразі немає з чого вибирати.",
	confirmTitle: "Ви хочете отримувати ці повідомлення?", confirmButton: "Так, хочу", confirmed: "Дякуємо, підтверджено",
	everything: "усі повідомлення", tooLate: "Це посилання застаріло", tooLateMore: "Заповніть, будь ласка, форму ще раз, щоб отримати нове.",
	reasons: map[string]string{
		"this is not an e-mail address":                                     "це не адреса електронної пошти",
		"the e-mail address is too long":                                    "адреса електронної пошти задовга",
		"the part after the @ is not a domain":                              "частина після @ не є доменом",
		"a letter before the @ is not of the Latin alphabet":                "перед @ стоїть літера не латинської абетки",
		"write an address such as anna@example.com":                         "Напишіть адресу на зразок anna@example.com",
		"this is not a valid phone number":                                  "це не номер телефону",
		"the phone number is too long":                                      "номер телефону задовгий",
		"the form is too long":                                              "форма задовга",
		"write it with its country code, such as +380 67 123 45 67":         "Напишіть його з кодом країни, наприклад +380 67 123 45 67",
		"write one number with its country code, such as +380 67 123 45 67": "Напишіть один номер із кодом країни, наприклад +380 67 123 45 67",
	},
}
