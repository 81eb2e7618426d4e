package azureml

// SetSizes makes c cut files as if they were large.
func SetSizes(c *Client, single, block int64) { c.sizes.single, c.sizes.block = single, block }

// SetRemote makes c let storage fetch files as if they were large.
func SetRemote(c *Client, remote, block int64) { c.sizes.remote, c.sizes.remoteBlock = remote, block }

// SetNames bounds the blobs of one content.
func SetNames(c *Client, names int) { c.sizes.names = names }

// OwnStorage tells whether c would send its token to address.
func OwnStorage(c *Client, address string) bool { return c.ownStorage(address) }
