// Alert rules over Application Insights. Each names its section of the operators' runbook, src/ops/README.md.

@description('Base of every name.')
param name string
param location string
param insightsId string

@description('Addresses that get a mail. Empty, and no further group: the alerts are only shown in the portal.')
param emails string[]

@description('Ids of further action groups (telephone, chat).')
param furtherGroups string[]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: '${name}-alerts'
  location: 'global'
  properties: {
    groupShortName: take(name, 12)
    enabled: true
    emailReceivers: [
      for (address, n) in emails: { name: 'mail-${n}', emailAddress: address, useCommonAlertSchema: true }
    ]
  }
}

var actionGroups = union(empty(emails) ? [] : [group.id], furtherGroups)

// What the dispatcher logs once a minute while it lasts, by its kind (src/domain/operations/attention.rs). One line is
// enough: sampling may drop some, and the rule looks back over several minutes.
var kinds = [
  { kind: 'lag', severity: 2, what: 'A message waits for the bus although nothing stops it.' }
  {
    kind: 'breaker-open'
    severity: 2
    what: 'A queue, a topic or the mail provider fails: only probes are sent to it.'
  }
  { kind: 'dead-rows', severity: 1, what: 'Messages are dead: none is sent unless a person requeues it.' }
  { kind: 'mails-in-doubt', severity: 2, what: 'Mails may or may not have been sent, and wait for a decision.' }
  { kind: 'mails-refused', severity: 2, what: 'Mails were refused, and are not sent unless a person resends them.' }
  { kind: 'heartbeat-late', severity: 1, what: 'A timer function does not run.' }
  { kind: 'heartbeat-failed', severity: 1, what: 'The last run of a timer function failed.' }
  { kind: 'stalled', severity: 2, what: 'Rows that another program locks wait.' }
]

resource attention 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for one in kinds: {
    name: '${name}-${one.kind}'
    location: location
    kind: 'LogAlert'
    properties: {
      displayName: '${name}: ${one.kind}'
      description: '${one.what} What to do: src/ops/README.md#${one.kind}'
      severity: one.severity
      enabled: true
      scopes: [insightsId]
      targetResourceTypes: ['Microsoft.Insights/components']
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        allOf: [
          {
            query: 'traces | where message contains "\\"attention\\":\\"${one.kind}\\"" | extend line = parse_json(message) | project timestamp, about = tostring(line.about), text = tostring(line.message), remedy = tostring(line.remedy)'
            timeAggregation: 'Count'
            dimensions: [{ name: 'about', operator: 'Include', values: ['*'] }]
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      autoMitigate: true
      actions: { actionGroups: actionGroups, customProperties: { runbook: 'src/ops/README.md#${one.kind}' } }
    }
  }
]

// The dispatcher reports all of the above: that it runs at all is seen by the host's own record of its invocations.
resource silence 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${name}-no-dispatch'
  location: location
  kind: 'LogAlert'
  properties: {
    displayName: '${name}: DispatchOutbox does not run'
    description: 'No run of DispatchOutbox ended well in 15 minutes, so nothing is sent or reported. What to do: src/ops/README.md#heartbeat-late'
    severity: 1
    enabled: true
    scopes: [insightsId]
    targetResourceTypes: ['Microsoft.Insights/components']
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      allOf: [
        {
          query: 'requests | where operation_Name == "DispatchOutbox" and success == true'
          timeAggregation: 'Count'
          operator: 'LessThan'
          threshold: 1
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    autoMitigate: true
    actions: { actionGroups: actionGroups, customProperties: { runbook: 'src/ops/README.md#heartbeat-late' } }
  }
}
