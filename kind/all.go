package kind

// all are the kinds in the order in which they are explained: what others
// refer to comes first.
var all = link([]*Table{
	workspaceKind,
	featureStore,
	registryKind,
	connection,
	datastore,
	compute,
	environment,
	data,
	model,
	code,
	component,
	featureStoreEntity,
	featureSet,
	onlineEndpoint,
	onlineDeployment,
	batchEndpoint,
	batchDeployment,
	marketplaceSubscription,
	serverlessEndpoint,
	job,
	schedule,
})

// All are the kinds that mlsync manages.
func All() []*Table { return all }
