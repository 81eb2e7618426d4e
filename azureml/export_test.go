package azureml

// SetSizes makes c cut files as if they were large.
func SetSizes(c *Client, single, block int64) { c.sizes = sizes{single: single, block: block} }

// OwnStorage tells whether c would send its token to address.
func OwnStorage(c *Client, address string) bool { return c.ownStorage(address) }
