package notify

// A workflow of Teams takes a message with one adaptive card as its attachment
// (learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using),
// of about 28 KB (learn.microsoft.com/connectors/teams, message size limit), and
// answers 202. Title, twenty lines and the JSON around them stay below that.
type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string    `json:"contentType"`
	ContentURL  *string   `json:"contentUrl"`
	Content     teamsCard `json:"content"`
}

type teamsCard struct {
	Schema  string       `json:"$schema"`
	Type    string       `json:"type"`
	Version string       `json:"version"`
	Body    []teamsBlock `json:"body"`
	// FallbackText is shown where cards cannot be.
	FallbackText string `json:"fallbackText"`
}

// teamsBlock is a RichTextBlock: its runs are shown as they are, while Teams
// reads Markdown, and so links, in a TextBlock and in facts
// (learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format).
type teamsBlock struct {
	Type      string     `json:"type"`
	Separator bool       `json:"separator,omitempty"`
	Inlines   []teamsRun `json:"inlines"`
}

type teamsRun struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Weight string `json:"weight,omitempty"`
	Size   string `json:"size,omitempty"`
	Color  string `json:"color,omitempty"`
}

func teamsBody(m Message) teamsMessage {
	card := teamsCard{Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4"}
	card.FallbackText = mark(m)
	color := map[string]string{Info: "accent", Warning: "warning", Error: "attention"}[m.Severity]
	if over(m) {
		color = "good"
	}
	card.Body = append(card.Body, teamsBlock{Type: "RichTextBlock", Inlines: []teamsRun{
		{Type: "TextRun", Text: mark(m) + " ", Weight: "bolder", Size: "medium", Color: color},
		{Type: "TextRun", Text: m.Title, Weight: "bolder", Size: "medium"},
	}})
	for i, line := range m.Lines {
		card.Body = append(card.Body, teamsBlock{Type: "RichTextBlock", Separator: i == 0, Inlines: []teamsRun{{Type: "TextRun", Text: line}}})
	}
	return teamsMessage{Type: "message", Attachments: []teamsAttachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: card}}}
}
