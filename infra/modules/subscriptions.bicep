// The subscriptions of one topic.

param busName string
param topicName string
param names string[]

resource topic 'Microsoft.ServiceBus/namespaces/topics@2024-01-01' existing = {
  name: '${busName}/${topicName}'
}

resource subscriptions 'Microsoft.ServiceBus/namespaces/topics/subscriptions@2024-01-01' = [
  for name in names: {
    parent: topic
    name: name
    properties: { deadLetteringOnMessageExpiration: true, maxDeliveryCount: 10, lockDuration: 'PT1M' }
  }
]
