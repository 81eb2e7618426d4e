package notify

import (
	"strings"
	"unicode/utf8"
)

// Slack takes a header of 150 characters, texts of 3000 and 50 blocks
// (docs.slack.dev/reference/block-kit/blocks/header-block, section-block,
// composition-objects/text-object), about one message a second for each webhook
// (docs.slack.dev/apis/web-api/rate-limits), and answers 400, 403, 404 or 410
// with a word for what it refuses
// (api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks).
const (
	slackHeader  = 150
	slackSection = 3000
)

type slackMessage struct {
	// Text is what stands in notifications of the system, and for readers of
	// screens; Slack reads markup in it.
	Text   string       `json:"text"`
	Blocks []slackBlock `json:"blocks"`
	// Links of others are not opened to show what is behind them.
	UnfurlLinks bool `json:"unfurl_links"`
	UnfurlMedia bool `json:"unfurl_media"`
}

type slackBlock struct {
	Type string    `json:"type"`
	Text slackText `json:"text"`
}

type slackText struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji bool   `json:"emoji"`
}

// slackBody is a message for an incoming webhook. Texts are plain_text, in which
// Slack knows no markup, links or mentions; and in all of them the three control
// characters are escaped (docs.slack.dev/messaging/formatting-message-text).
func slackBody(m Message) slackMessage {
	title := mark(m) + " " + m.Title
	out := slackMessage{
		Text:   slackEscape(title),
		Blocks: []slackBlock{{"header", slackText{Type: "plain_text", Text: fit(title, slackHeader)}}},
	}
	section := ""
	flush := func() {
		if section != "" {
			out.Blocks = append(out.Blocks, slackBlock{"section", slackText{Type: "plain_text", Text: section}})
		}
		section = ""
	}
	for _, line := range m.Lines {
		line = fit(line, slackSection)
		if utf8.RuneCountInString(section)+utf8.RuneCountInString(line)+1 > slackSection {
			flush()
		}
		section = strings.TrimPrefix(section+"\n"+line, "\n")
	}
	flush()
	return out
}

func slackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// fit escapes a text and cuts it before that, so that no escape is cut.
func fit(s string, most int) string {
	for n := most; ; n -= 10 {
		if out := slackEscape(short(s, n)); utf8.RuneCountInString(out) <= most {
			return out
		}
	}
}

// mark says at the first sight how grave a message is.
func mark(m Message) string {
	if over(m) {
		return "[ok]"
	}
	return "[" + m.Severity + "]"
}

// over reports whether all that a message tells of is over.
func over(m Message) bool {
	for _, n := range m.Notices {
		if !n.Over {
			return false
		}
	}
	return true
}
