// The Service Bus namespace with the queue of the mails and further topics; the app's rights are on these, not on the namespace.

param name string
param location string

@allowed(['Standard', 'Premium'])
param sku string
param principalId string
param workspaceId string
param emailQueueName string
param duplicateWindowMinutes int
param queueLifeDays int

@description('Further topics that Routes__… name, each with the subscriptions to create.')
param topics { name: string, subscriptions: string[] }[]

@description('Grants Data Owner on the queue in place of Data Receiver: Azure reads the queue\'s length to scale by it, and doctor its settings.')
param scaleByQueueLength bool

var dataSender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
var dataReceiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
var dataOwner = '090c5cfd-751d-490a-894a-3ce6f1109419'
// Not a property of what exists: Azure refuses to change it, so that a second deployment must give the same.
var window = duplicateWindowMinutes > 0 ? 'PT${duplicateWindowMinutes}M' : 'PT10M'

resource bus 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  sku: sku == 'Premium' ? { name: sku, tier: sku, capacity: 1 } : { name: sku, tier: sku }
  properties: {
    minimumTlsVersion: '1.2'
    // Sender and trigger both sign in with the app's identity, so there is no key to leak.
    disableLocalAuth: true
  }

  resource emails 'queues' = {
    name: emailQueueName
    properties: {
      // Only a convenience: correctness depends on the inbox. Whether there is a window cannot be changed later.
      requiresDuplicateDetection: duplicateWindowMinutes > 0
      duplicateDetectionHistoryTimeWindow: window
      requiresSession: false
      defaultMessageTimeToLive: 'P${queueLifeDays}D'
      deadLetteringOnMessageExpiration: true
      maxDeliveryCount: 10
      lockDuration: 'PT1M'
    }
  }
}

resource others 'Microsoft.ServiceBus/namespaces/topics@2024-01-01' = [
  for topic in topics: {
    parent: bus
    name: topic.name
    properties: {
      requiresDuplicateDetection: duplicateWindowMinutes > 0
      duplicateDetectionHistoryTimeWindow: window
      defaultMessageTimeToLive: 'P${queueLifeDays}D'
    }
  }
]

module subscriptions 'subscriptions.bicep' = [
  for (topic, n) in topics: {
    name: 'subscriptions-of-${topic.name}'
    params: { topicName: others[n].name, busName: bus.name, names: topic.subscriptions }
  }
]

resource queueRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in [dataSender, scaleByQueueLength ? dataOwner : dataReceiver]: {
    name: guid(bus::emails.id, principalId, role)
    scope: bus::emails
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource topicRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (topic, n) in topics: {
    name: guid(bus.id, topic.name, principalId, dataSender)
    scope: others[n]
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataSender)
    }
  }
]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: bus
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = bus.name
// From its endpoint, https://<name>.servicebus.windows.net:443/, so that national clouds work.
output hostName string = split(split(bus.properties.serviceBusEndpoint, '//')[1], ':')[0]
