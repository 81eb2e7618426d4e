// Package notify tells people and machines when something of a target is no
// longer as it should be, and when it is again. It says which conditions hold
// after a pass (Conditions), puts those that changed together into messages
// (Collapse, Write), and sends a message to a channel (Sender.Send): Slack,
// Microsoft Teams, a signed webhook or mail.
//
// It knows no journal and no queue: which conditions held before, and what is
// still to be sent, is kept by state and asked for by cmd. Texts of assets and of
// the service are not trusted: they are spelled out for each channel.
package notify
