// Communication Services with a mail domain: Azure's own (nothing to prove, 5 mails a minute), or the office's.

@description('Base of every name.')
param name string

@description('Where mail data is stored.')
param dataLocation string

@description('The office\'s domain. Empty: one that Azure manages.')
param domainName string

@description('The domain\'s DNS records were checked by Azure: only then can mail be sent from it.')
param domainVerified bool

@description('The part before the @ of the sender.')
param sender string
param principalId string
param workspaceId string

var managed = empty(domainName)
var mailOwner = '09976791-48a7-449e-bb21-39d1a415f350'

resource emails 'Microsoft.Communication/emailServices@2023-04-01' = {
  name: '${name}-email'
  location: 'global'
  properties: { dataLocation: dataLocation }
}

resource domain 'Microsoft.Communication/emailServices/domains@2023-04-01' = {
  parent: emails
  name: managed ? 'AzureManagedDomain' : domainName
  location: 'global'
  properties: { domainManagement: managed ? 'AzureManaged' : 'CustomerManaged', userEngagementTracking: 'Disabled' }
}

// DoNotReply is there from the start, and the only one of a domain that Azure manages.
resource username 'Microsoft.Communication/emailServices/domains/senderUsernames@2023-04-01' = if (!managed && domainVerified && toLower(sender) != 'donotreply') {
  parent: domain
  name: toLower(sender)
  properties: { username: toLower(sender) }
}

resource service 'Microsoft.Communication/communicationServices@2023-04-01' = {
  name: '${name}-mail'
  location: 'global'
  // A domain that is not verified cannot be linked.
  properties: { dataLocation: dataLocation, linkedDomains: managed || domainVerified ? [domain.id] : [] }
}

// Communication and Email Service Owner: the least that may send.
resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(service.id, principalId, mailOwner)
  scope: service
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', mailOwner)
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: service
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'EmailSendMailOperational', enabled: true }
      { category: 'EmailStatusUpdateOperational', enabled: true }
    ]
  }
}

output endpoint string = 'https://${service.properties.hostName}'
output from string = '${managed ? 'DoNotReply' : sender}@${domain.properties.fromSenderDomain}'
@description('The DNS records that prove the office\'s domain; none for Azure\'s own.')
output records object = managed ? {} : domain.properties.verificationRecords
output emailServiceName string = emails.name
