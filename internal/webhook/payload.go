package webhook

import "strings"

// The readers of payloads. Senders leave out what they like, and versions of
// them differ: nothing is taken for granted, and what is not as expected is
// as if it were absent.

// at goes down a path of maps; nil if there is none.
func at(v any, path ...string) any {
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

// texts are the texts at keys of a map, empty ones left out.
func texts(v any, keys ...string) []string {
	var out []string
	for _, key := range keys {
		if s, _ := at(v, key).(string); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func text(v any, path ...string) string {
	s, _ := at(v, path...).(string)
	return s
}

func list(v any, path ...string) []any {
	l, _ := at(v, path...).([]any)
	return l
}

// full is the full name of a ref that is given with its sort, or "".
func full(sort, name string) string {
	switch {
	case name == "":
		return ""
	case strings.HasPrefix(name, "refs/"):
		return name
	case sort == "branch":
		return "refs/heads/" + name
	case sort == "tag" || sort == "annotated_tag":
		return "refs/tags/" + name
	}
	return ""
}

func (h *Hint) moved(ref string) {
	if strings.HasPrefix(ref, "refs/") {
		h.Refs = append(h.Refs, ref)
	}
}

// readGitHub reads push, create, delete and pull_request of GitHub, and of Gitea,
// which has them the same way, and more events of pull requests whose names
// begin so (pull_request_sync, pull_request_label). A create or delete names the
// ref without refs/heads/. The repository of a pull request is the one that it
// was opened in, whoever has its head.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
func readGitHub(event string, v any) Hint {
	h := Hint{Push: event == "push" || event == "create" || event == "delete", Pull: strings.HasPrefix(event, "pull_request")}
	h.Remotes = texts(at(v, "repository"), "clone_url", "ssh_url", "git_url", "html_url", "url")
	h.moved(full(text(v, "ref_type"), text(v, "ref")))
	return h
}

// readGitLab reads push, tag_push, merge_request and the repository_update of
// system hooks, which alone has more than one ref.
// https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events
// https://docs.gitlab.com/administration/system_hooks/#repository-update-events
func readGitLab(event string, v any) Hint {
	what := text(v, "object_kind")
	if what == "" {
		what = text(v, "event_name")
	}
	h := Hint{Event: what, Push: what == "push" || what == "tag_push" || what == "repository_update", Pull: what == "merge_request"}
	if what == "" {
		h.Event, h.Push, h.Pull = event, event == "Push Hook" || event == "Tag Push Hook", event == "Merge Request Hook"
	}
	h.Remotes = texts(at(v, "project"), "git_http_url", "git_ssh_url", "http_url", "ssh_url", "url", "web_url", "homepage")
	h.Remotes = append(h.Remotes, texts(at(v, "repository"), "git_http_url", "git_ssh_url", "url", "homepage")...)
	h.moved(text(v, "ref"))
	for _, c := range list(v, "changes") {
		h.moved(text(c, "ref"))
	}
	for _, ref := range list(v, "refs") {
		name, _ := ref.(string)
		h.moved(name)
	}
	return h
}

// readAzure reads git.push with all its refs, and git.pullrequest.created,
// updated and merged.
// https://learn.microsoft.com/azure/devops/service-hooks/events#git.push
func readAzure(_ string, v any) Hint {
	h := Hint{Event: text(v, "eventType")}
	h.Push, h.Pull = h.Event == "git.push", strings.HasPrefix(h.Event, "git.pullrequest.")
	h.Remotes = texts(at(v, "resource", "repository"), "remoteUrl", "sshUrl", "webUrl")
	for _, u := range list(v, "resource", "refUpdates") {
		h.moved(text(u, "name"))
	}
	return h
}

// readBitbucket reads repo:push: what was and what is of each change, either
// of which may be null.
// https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#Push
func readBitbucket(event string, v any) Hint {
	h := Hint{Push: event == "repo:push", Remotes: texts(at(v, "repository", "links", "html"), "href")}
	if name := text(v, "repository", "full_name"); name != "" {
		h.Remotes = append(h.Remotes, "https://bitbucket.org/"+name)
	}
	for _, c := range list(v, "push", "changes") {
		for _, side := range []string{"old", "new"} {
			h.moved(full(text(c, side, "type"), text(c, side, "name")))
		}
	}
	return h
}

// readBitbucketServer reads repo:refs_changed, and what a mirror says when it
// has caught up.
// https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
func readBitbucketServer(event string, v any) Hint {
	if event == "" {
		event = text(v, "eventKey")
	}
	h := Hint{Event: event, Push: event == "repo:refs_changed" || event == "mirror:repo_synchronized"}
	for _, where := range []string{"clone", "self"} {
		for _, link := range list(v, "repository", "links", where) {
			h.Remotes = append(h.Remotes, texts(link, "href")...)
		}
	}
	for _, c := range list(v, "changes") {
		h.moved(text(c, "refId"))
		h.moved(text(c, "ref", "id"))
	}
	return h
}

// readPlain reads what one sends oneself: the address of the repository, or
// several, and the refs.
func readPlain(_ string, v any) Hint {
	h := Hint{Event: "push", Push: true, Remotes: texts(v, "repository")}
	for _, r := range list(v, "repositories") {
		if s, _ := r.(string); s != "" {
			h.Remotes = append(h.Remotes, s)
		}
	}
	h.moved(text(v, "ref"))
	for _, ref := range list(v, "refs") {
		name, _ := ref.(string)
		h.moved(name)
	}
	return h
}
