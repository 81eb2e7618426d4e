// The roles of an identity on one workspace. Deploy it into the resource group
// of each workspace that mlsync manages.
targetScope = 'resourceGroup'

@description('Name of the workspace.')
param workspace string

@description('Principal id of the identity: an output of main.bicep.')
param principalId string

@description('Whether the identity may make, change and remove computes.')
param computes bool = true

resource ml 'Microsoft.MachineLearningServices/workspaces@2024-10-01' existing = {
  name: workspace
}

// AzureML Data Scientist: everything in the workspace but computes and the workspace itself.
resource scientist 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(ml.id, principalId, 'scientist')
  scope: ml
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'f6c7c914-8db3-469d-8ca1-694a8f32e121')
  }
}

// AzureML Compute Operator.
resource operator 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (computes) {
  name: guid(ml.id, principalId, 'computes')
  scope: ml
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'e503ece1-11d0-4e8e-8e2c-7a6c3bf38815')
  }
}
