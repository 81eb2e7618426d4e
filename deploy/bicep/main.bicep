// mlsync in Azure Container Apps, with a managed identity and PostgreSQL.
// docs/how-to/deploy.md says how to deploy it.
//   az deployment group create -g rg-mlsync -f deploy/bicep/main.bicep -p image=… repository=… databasePassword=…
targetScope = 'resourceGroup'

@description('Region of all resources.')
param location string = resourceGroup().location

@description('Begins the names of all resources.')
@minLength(3)
@maxLength(20)
param name string = 'mlsync'

@description('The container image, such as contoso.azurecr.io/mlsync:1.2.3.')
param image string

@description('Name of the Azure container registry of the image in this resource group; empty if the image is public.')
param registry string = ''

@description('Address of the repository to watch. Its mlsync.yaml names the targets, with identity: {type: managed_identity, client_id: …}.')
param repository string

@description('Token that may read the repository. The mlsync.yaml says token_env: GIT_TOKEN. Empty for a public one.')
@secure()
param gitToken string = ''

@description('Password of the database administrator. PostgreSQL takes no quotes, spaces or backslashes here.')
@secure()
@minLength(16)
param databasePassword string

@description('How many daemons. Any of them does any task; one writes to a target at a time.')
@minValue(1)
@maxValue(30)
param replicas int = 2

@description('Name of the workspace in this resource group that the identity is to manage; empty to assign roles elsewhere (workspace.bicep).')
param workspace string = ''

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-identity'
  location: location
}

resource logs 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: '${name}-logs'
  location: location
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: 30
  }
}

resource environment 'Microsoft.App/managedEnvironments@2024-03-01' = {
  name: '${name}-environment'
  location: location
  properties: {
    appLogsConfiguration: {
      destination: 'log-analytics'
      logAnalyticsConfiguration: {
        customerId: logs.properties.customerId
        sharedKey: logs.listKeys().primarySharedKey
      }
    }
  }
}

resource database 'Microsoft.DBforPostgreSQL/flexibleServers@2024-08-01' = {
  name: '${name}-${uniqueString(resourceGroup().id)}'
  location: location
  sku: {
    name: 'Standard_B1ms'
    tier: 'Burstable'
  }
  properties: {
    version: '16'
    administratorLogin: 'mlsync'
    administratorLoginPassword: databasePassword
    storage: {
      storageSizeGB: 32
    }
    backup: {
      backupRetentionDays: 14
      geoRedundantBackup: 'Disabled'
    }
  }
}

resource journal 'Microsoft.DBforPostgreSQL/flexibleServers/databases@2024-08-01' = {
  parent: database
  name: 'mlsync'
}

// 0.0.0.0 lets in what is in Azure; a private endpoint is better where there is a network.
resource fromAzure 'Microsoft.DBforPostgreSQL/flexibleServers/firewallRules@2024-08-01' = {
  parent: database
  name: 'azure'
  properties: {
    startIpAddress: '0.0.0.0'
    endIpAddress: '0.0.0.0'
  }
}

resource acr 'Microsoft.ContainerRegistry/registries@2023-07-01' existing = if (!empty(registry)) {
  name: empty(registry) ? 'none' : registry
}

// AcrPull
resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(registry)) {
  name: guid(resourceGroup().id, registry, name, 'pull')
  scope: acr
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '7f951dda-4ed3-4680-a7ca-43fe172d538d')
  }
}

module access 'workspace.bicep' = if (!empty(workspace)) {
  name: '${name}-access'
  params: {
    workspace: workspace
    principalId: identity.properties.principalId
  }
}

resource app 'Microsoft.App/containerApps@2024-03-01' = {
  name: name
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    managedEnvironmentId: environment.id
    configuration: {
      activeRevisionsMode: 'Single'
      secrets: [
        {
          name: 'git-token'
          value: empty(gitToken) ? 'none' : gitToken
        }
        {
          name: 'database-password'
          value: databasePassword
        }
      ]
      registries: empty(registry) ? [] : [
        {
          server: '${registry}.azurecr.io'
          identity: identity.id
        }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 60
      containers: [
        {
          name: 'mlsync'
          image: image
          args: [
            'daemon'
            '--data=/data'
            '--listen=:8080'
            '--repository=${repository}'
            '--database=postgres://mlsync@${database.properties.fullyQualifiedDomainName}:5432/mlsync?sslmode=verify-full'
          ]
          env: [
            {
              name: 'AZURE_CLIENT_ID'
              value: identity.properties.clientId
            }
            {
              name: 'GIT_TOKEN'
              secretRef: 'git-token'
            }
            {
              name: 'PGPASSWORD'
              secretRef: 'database-password'
            }
          ]
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          volumeMounts: [
            {
              volumeName: 'data'
              mountPath: '/data'
            }
          ]
          probes: [
            {
              type: 'Liveness'
              httpGet: {
                path: '/healthz'
                port: 8080
              }
              periodSeconds: 20
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/readyz'
                port: 8080
              }
              periodSeconds: 10
            }
          ]
        }
      ]
      scale: {
        minReplicas: replicas
        maxReplicas: replicas
      }
      volumes: [
        {
          name: 'data'
          storageType: 'EmptyDir'
        }
      ]
    }
  }
  dependsOn: [
    journal
    fromAzure
    pull
  ]
}

@description('Client id of the identity, for identity.client_id of the targets.')
output clientId string = identity.properties.clientId

@description('Principal id of the identity, for roles on other workspaces.')
output principalId string = identity.properties.principalId
