// The function app on Flex Consumption, its storage (by identity, no keys), and the Service Bus queue.
// Read README.md beside this file first: the template has never been deployed.

@description('Base of every name: 3 to 11 lower case letters and digits.')
@minLength(3)
@maxLength(11)
param name string

param location string = resourceGroup().location

@description('The queue that SendEmail reads; also the setting EmailQueueName.')
param emailQueueName string = 'client-emails'

@description('Minutes for which the queue remembers MessageIds; 0 turns duplicate detection off. It cannot be changed once the queue exists.')
@minValue(0)
@maxValue(10080)
param duplicateWindowMinutes int = 10

@description('Days for which a message may wait in the queue.')
@minValue(1)
@maxValue(3650)
param queueLifeDays int = 14

@description('The server of the database, <server>.database.windows.net. This template creates neither it nor the database.')
param sqlServer string

@description('The database. `client-organizer migrate` creates its tables, and the identity below must be its user.')
param sqlDatabase string

@description('https://<name>.communication.azure.com: the identity below sends mail there and needs a role on it. If empty, the parameter settings select the mail provider (Email__Provider and Email__Smtp…, or an access key).')
param acsEndpoint string

@description('The From of the mails: an address, or Name <address>, from which the provider lets this app send.')
param emailFrom string

@description('The key that hashes the recipients in the inbox. Keep it: after a change, earlier mails are found only with the old key.')
@secure()
@minLength(32)
param recipientKey string

@description('Ids of the action groups that the alerts notify. Empty: the alerts are shown in the portal and nobody is told.')
param alertActionGroups array = []

@description('Further settings by name (src/config/README.md); they override the ones below. Secure, since secrets (SqlConnectionString, Email__SmtpPassword) come this way.')
@secure()
param settings object = {}

var unique = uniqueString(resourceGroup().id)
var packageContainer = 'packages'
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var serviceBusDataSender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
var serviceBusDataReceiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-identity'
  location: location
}

// --- storage: the host's timer leases and the published package ---

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: '${name}${unique}'
  location: location
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource packages 'containers' = {
      name: packageContainer
    }
  }
}

resource storageRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, identity.id, storageBlobDataOwner)
  scope: storage
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataOwner)
  }
}

// --- the bus ---

resource bus 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: '${name}-${unique}'
  location: location
  sku: { name: 'Standard', tier: 'Standard' }
  properties: {
    minimumTlsVersion: '1.2'
    // Sender and trigger both sign in with the app's identity, so there is no key to leak.
    disableLocalAuth: true
  }

  resource emails 'queues' = {
    name: emailQueueName
    properties: {
      // Only a convenience: correctness depends on the inbox. Neither can be changed later.
      requiresDuplicateDetection: duplicateWindowMinutes > 0
      duplicateDetectionHistoryTimeWindow: duplicateWindowMinutes > 0 ? 'PT${duplicateWindowMinutes}M' : 'PT10M'
      requiresSession: false
      defaultMessageTimeToLive: 'P${queueLifeDays}D'
      deadLetteringOnMessageExpiration: true
      maxDeliveryCount: 10
      lockDuration: 'PT1M'
    }
  }
}

resource busRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in [serviceBusDataSender, serviceBusDataReceiver]: {
    name: guid(bus.id, identity.id, role)
    scope: bus
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

// --- logs ---

resource logs 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: '${name}-logs'
  location: location
  properties: { sku: { name: 'PerGB2018' }, retentionInDays: 30 }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: '${name}-insights'
  location: location
  kind: 'web'
  properties: { Application_Type: 'web', WorkspaceResourceId: logs.id }
}

module alerts 'alerts.bicep' = {
  name: '${name}-alerts'
  params: { name: name, location: location, insightsId: insights.id, actionGroups: alertActionGroups }
}

// --- the app; one app per plan on Flex Consumption ---

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: '${name}-plan'
  location: location
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

// FUNCTIONS_WORKER_RUNTIME and WEBSITE_RUN_FROM_PACKAGE are not app settings on Flex Consumption.
var hostSettings = {
  AzureWebJobsStorage__accountName: storage.name
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
}

// Only the settings that the program needs to start, those that must agree with the resources above, and the schedules,
// which the host reads. All others have defaults in the program. A test starts the program with these settings alone.
var ourSettings = {
  ServiceBusConnection__fullyQualifiedNamespace: '${bus.name}.servicebus.windows.net'
  ServiceBusConnection__credential: 'managedidentity'
  ServiceBusConnection__clientId: identity.properties.clientId
  Store__Kind: 'sqlserver'
  SqlConnectionString: 'Server=tcp:${sqlServer},1433;Database=${sqlDatabase};Authentication=Active Directory Managed Identity;User Id=${identity.properties.clientId}'
  EmailQueueName: emailQueueName
  Bus__DuplicateWindowMs: string(duplicateWindowMinutes * 60000)
  Bus__TimeToLiveDays: string(queueLifeDays)
  OutboxSchedule: '*/10 * * * * *'
  RetryEmailSchedule: '0 * * * * *'
  PruneSchedule: '0 30 2 * * *'
  Inbox__RecipientKey: recipientKey
  Email__From: emailFrom
}

var mailSettings = empty(acsEndpoint) ? {} : {
  Email__Provider: 'acs'
  Email__AcsEndpoint: acsEndpoint
  Email__AcsEndpoint__credential: 'managedidentity'
  Email__AcsEndpoint__clientId: identity.properties.clientId
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: '${name}-${unique}'
  location: location
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    functionAppConfig: {
      runtime: { name: 'custom', version: '1.0' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      scaleAndConcurrency: {
        // Every instance opens connections to one database.
        maximumInstanceCount: 40
        instanceMemoryMB: 512
      }
    }
    siteConfig: { minTlsVersion: '1.2' }
  }
  dependsOn: [storageRole, busRoles, storage::blobs::packages]

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(hostSettings, ourSettings, mailSettings, settings)
  }
}

output appName string = app.name
output hostName string = app.properties.defaultHostName
output namespace string = bus.name
@description('The name of the database user that the app is.')
output identityName string = identity.name
output identityClientId string = identity.properties.clientId
