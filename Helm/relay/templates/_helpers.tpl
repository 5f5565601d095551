{{/* Names. Pods are nodes: their names stay below the 64 characters of a node's name. */}}
{{- define "relay.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "relay.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "relay.origin.nodes" -}}{{ include "relay.fullname" . }}-origin-nodes{{- end -}}
{{- define "relay.autoscaler.name" -}}{{ include "relay.fullname" . }}-autoscaler{{- end -}}
{{- define "relay.autoscaler.lease" -}}{{ .Values.autoscaler.lease | default (include "relay.autoscaler.name" .) }}{{- end -}}
{{- define "relay.autoscaler.account" -}}
{{- .Values.autoscaler.rbac.serviceAccountName | default (include "relay.autoscaler.name" .) -}}
{{- end -}}

{{/* Labels by which objects are found: dict "root" "component" */}}
{{- define "relay.selector" -}}
app.kubernetes.io/name: {{ include "relay.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/*
  Of pods: nothing that changes with each release of the chart, for a changed pod template moves every viewer. "labels" are more of them, which
  win over commonLabels.
*/}}
{{- define "relay.labels.pod" -}}
{{ include "relay.selector" . }}
app.kubernetes.io/part-of: edge-relay
{{- with mergeOverwrite (deepCopy .root.Values.commonLabels) (.labels | default dict) }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "relay.labels" -}}
{{ include "relay.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: edge-relay
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with mergeOverwrite (deepCopy .root.Values.commonLabels) (.labels | default dict) }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An image's reference: dict "root" "image" (one that may leave out what the chart's image says) */}}
{{- define "relay.image" -}}
{{- $own := .image | default dict -}}
{{- $base := .root.Values.image -}}
{{- $repository := $own.repository | default $base.repository -}}
{{- $digest := $own.digest -}}
{{- if and (not $digest) (not $own.tag) -}}{{- $digest = $base.digest -}}{{- end -}}
{{- if $digest -}}
{{ $repository }}@{{ $digest }}
{{- else -}}
{{ $repository }}:{{ $own.tag | default $base.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/*
  The replica count's line, or nothing: dict "root" "kind" "name" "replicas" ("annotation" true = the mark instead).

  What stands in a manifest is set at every upgrade and, from the old manifest, at every rollback: with a count in it Helm would take away
  nodes that carry viewers. So a count of null is never written. Only where an earlier revision did write one (the mark says so) it must go on
  being written, for a count that disappears from a manifest becomes 1; then it is the one that runs now.
*/}}
{{- define "relay.replicas" -}}
{{- if kindIs "invalid" .replicas -}}
{{- $live := lookup "apps/v1" .kind .root.Release.Namespace .name -}}
{{- if and $live (eq "helm" (dig "metadata" "annotations" "relay-replicas-by" "" $live)) -}}
{{- dig "spec" "replicas" 1 $live | int -}}
{{- end -}}
{{- else -}}
{{- .replicas | int -}}
{{- end -}}
{{- end -}}

{{/*
  The canary's count: as many as take `weight` percent of new viewers, for connections are spread evenly over pods. The others' count is what Helm
  is about to write, else what runs, else what the autoscaler will bring it to. → JSON: canary, stable
*/}}
{{- define "relay.canary" -}}
{{- $edge := .Values.edge -}}
{{- $stable := $edge.replicas -}}
{{- if kindIs "invalid" $stable -}}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (printf "%s-edge" (include "relay.fullname" .)) -}}
{{- $stable = dig "spec" "replicas" .Values.autoscaler.edge.minimum ($live | default dict) -}}
{{- end -}}
{{- $canary := $edge.canary.replicas -}}
{{- with $edge.canary.weight -}}
{{- $rest := sub 100 (int .) -}}
{{- $canary = max 1 (div (add (mul (int $stable) (int .)) (sub $rest 1)) $rest) -}}
{{- end -}}
{{- dict "canary" (int $canary) "stable" (int $stable) | toJson -}}
{{- end -}}

{{/* How long a drain of this part may take, s: dict "root" "component". On spot machines there is no more time than the cloud gives. */}}
{{- define "relay.drainSeconds" -}}
{{- $part := index .root.Values .component -}}
{{- $spot := $part.spot | default dict -}}
{{- and $spot.enabled $spot.only | default false | ternary $spot.drainSeconds $part.drainSeconds | int -}}
{{- end -}}

{{/* A part's configuration file: dict "root" "component" "overrides" (list of dicts) */}}
{{- define "relay.config" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $config := dict
  "log" (dict "format" "json")
  "probe" (dict "host" "0.0.0.0" "port" ($values.probes.port | int))
  "cluster" (dict "prefix" $values.cluster.prefix) -}}
{{- with $values.cluster.region }}{{ $_ := set $config.cluster "region" . }}{{ end -}}
{{- if eq .component "autoscaler" -}}
{{- $tiers := dict -}}
{{- range $tier := list "edge" "origin" -}}
{{- $settings := deepCopy (index $values.autoscaler $tier) -}}
{{- $_ := set $settings "workload" (printf "%s-%s" (include "relay.fullname" $root) $tier) -}}
{{- if not (hasKey $settings "drainDeadline") -}}
{{- /* An origin with a publisher is never cut by the autoscaler: its drain has no deadline unless one is given. */ -}}
{{- $_ := set $settings "drainDeadline" (eq $tier "edge" | ternary (printf "%ss" (include "relay.drainSeconds" (dict "root" $root "component" "edge"))) "0s") -}}
{{- end -}}
{{- $_ := set $tiers $tier $settings -}}
{{- end -}}
{{- $_ := set $config "autoscaler" (merge (dict
  "driver" $values.autoscaler.driver
  "election" "kubernetes"
  "interval" $values.autoscaler.interval
  "lease" (include "relay.autoscaler.lease" $root)
  "kubernetes" (dict "namespace" $root.Release.Namespace)) $tiers) -}}
{{- else -}}
{{- $_ := set $config "link" (dict "host" "0.0.0.0" "port" ($values.link.port | int) "tls" ($values.link.tls | ternary "on" "off")) -}}
{{- $_ := set $config "drain" (dict "deadline" (printf "%ss" (include "relay.drainSeconds" .))) -}}
{{- end -}}
{{- range .overrides }}{{ $config = mergeOverwrite $config (deepCopy (. | default dict)) }}{{ end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Where the registry's URL and the cluster's key are. */}}
{{- define "relay.env.secrets" -}}
{{- if .Values.redis.enabled }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.redis.existingSecret | default (printf "%s-redis" (include "relay.fullname" .)) | quote }}
      key: password
- name: RELAY_CLUSTER_REGISTRY
  value: redis://:$(REDIS_PASSWORD)@{{ include "relay.fullname" . }}-redis:6379
{{- else }}
- name: RELAY_CLUSTER_REGISTRY
  valueFrom:
    secretKeyRef:
      name: {{ required "Give registry.existingSecret, the name of a Secret with the URL of your Redis, or set redis.enabled=true for a try" .Values.registry.existingSecret | quote }}
      key: {{ .Values.registry.existingSecretKey | quote }}
{{- end }}
- name: RELAY_CLUSTER_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.cluster.existingSecret | default (printf "%s-cluster" (include "relay.fullname" .)) | quote }}
      key: {{ empty .Values.cluster.existingSecret | ternary "key" .Values.cluster.existingSecretKey | quote }}
{{- end -}}

{{/* A pod's own facts: its name is the node's name everywhere. dict "root" "component" */}}
{{- define "relay.env.node" -}}
- name: RELAY_CONFIG
  value: /etc/relay/relay.yaml
- name: RELAY_NODE_NAME
  valueFrom:
    fieldRef: {fieldPath: metadata.name}
{{- if ne .component "autoscaler" }}
{{- if and (eq .component "origin") (eq .root.Values.link.address "dns") }}
- name: RELAY_LINK_ADVERTISE
  value: $(RELAY_NODE_NAME).{{ include "relay.origin.nodes" .root }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- else }}
- name: RELAY_LINK_ADVERTISE
  valueFrom:
    fieldRef: {fieldPath: status.podIP}
{{- end }}
- name: RELAY_NODE_MACHINE
  valueFrom:
    fieldRef: {fieldPath: spec.nodeName}
{{- $spot := (index .root.Values .component).spot | default dict }}
{{- if and $spot.enabled $spot.only }}
- name: RELAY_NODE_SPOT
  value: "yes"
{{- end }}
- name: RELAY_CLUSTER_ZONE
{{- if .root.Values.cluster.zone }}
  value: {{ .root.Values.cluster.zone | quote }}
{{- else }}
  valueFrom:
    fieldRef: {fieldPath: "metadata.labels['topology.kubernetes.io/zone']"}
{{- end }}
{{- end }}
{{- end -}}

{{- define "relay.securityContext.pod" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "relay.securityContext.container" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/*
  Probes. Liveness asks whether the process answers, never whether Redis does; readiness is off while draining. A start may take long
  without liveness ending it; and one answer that comes late takes nobody out of the load balancer, two do, within two seconds.
*/}}
{{- define "relay.probes" -}}
{{- if .Values.probes.enabled }}
startupProbe:
  httpGet: {path: /livez, port: probe}
  periodSeconds: 1
  failureThreshold: {{ .Values.probes.startSeconds | int }}
livenessProbe:
  httpGet: {path: /livez, port: probe}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: probe}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 2
{{- end }}
{{- end -}}

{{/* Placing: dict "root" "component" "part" (the values of that part) */}}
{{- define "relay.placing" -}}
{{- $selector := include "relay.selector" (dict "root" .root "component" .component) -}}
{{- $spot := .part.spot | default dict -}}
{{- with .part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $tolerations := concat (.part.tolerations | default list) ($spot.enabled | default false | ternary ($spot.tolerations | default list) list) }}
{{- with $tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- if hasKey .part "zoneSpread" }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: {{ .part.zoneSpread }}
    labelSelector:
      matchLabels:
        {{- $selector | nindent 8 }}
{{- end }}
{{- $anti := .part.antiAffinity | default "soft" }}
{{- $onSpot := and $spot.enabled $spot.nodeLabels }}
{{- if or $onSpot (ne $anti "none") }}
affinity:
  {{- if $onSpot }}
  nodeAffinity:
    {{- if $spot.only }}
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            {{- range $key, $value := $spot.nodeLabels }}
            - {key: {{ $key | quote }}, operator: In, values: [{{ $value | quote }}]}
            {{- end }}
    {{- else }}
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        preference:
          matchExpressions:
            {{- range $key, $value := $spot.nodeLabels }}
            - {key: {{ $key | quote }}, operator: In, values: [{{ $value | quote }}]}
            {{- end }}
    {{- end }}
  {{- end }}
  {{- if eq $anti "soft" }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- $selector | nindent 14 }}
  {{- else if eq $anti "hard" }}
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- $selector | nindent 12 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/*
  The pod template of an origin or an edge, from `metadata` on: dict "root" "component" "part" "config" (name of its ConfigMap) "checksum"
  "image" "labels" (more labels)
*/}}
{{- define "relay.node.pod" -}}
metadata:
  labels:
    {{- include "relay.labels.pod" (dict "root" .root "component" .component "labels" (merge (.labels | default dict) .part.podLabels)) | nindent 4 }}
  annotations:
    checksum/config: {{ .checksum }}
    {{- with mergeOverwrite (deepCopy .root.Values.podAnnotations) .part.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "relay.fullname" .root }}-node
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- $drainSeconds := include "relay.drainSeconds" . }}
  terminationGracePeriodSeconds: {{ add (int $drainSeconds) 60 }}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- with .part.readinessGates }}
  readinessGates:
    {{- range . }}
    - conditionType: {{ . | quote }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "relay.securityContext.pod" .root | nindent 4 }}
  {{- include "relay.placing" (dict "root" .root "component" .component "part" .part) | trim | nindent 2 }}
  containers:
    - name: relay
      image: {{ .image | quote }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [{{ .component }}]
      env:
        {{- include "relay.env.node" (dict "root" .root "component" .component) | nindent 8 }}
        {{- include "relay.env.secrets" .root | trim | nindent 8 }}
        {{- with .part.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: rtmp, containerPort: 1935, protocol: TCP}
        - {name: http, containerPort: 8080, protocol: TCP}
        - {name: link, containerPort: {{ .root.Values.link.port }}, protocol: TCP}
        - {name: link-udp, containerPort: {{ .root.Values.link.port }}, protocol: UDP}
        - {name: probe, containerPort: {{ .root.Values.probes.port }}, protocol: TCP}
      {{- include "relay.probes" .root | trim | nindent 6 }}
      lifecycle:
        preStop:
          # Publishers are asked to go elsewhere, viewers stay until they leave or the time is over; SIGTERM comes after it.
          exec:
            command: [relayctl, drain, --self, --wait, --deadline, {{ $drainSeconds }}s]
      resources:
        {{- toYaml .part.resources | nindent 8 }}
      securityContext:
        {{- include "relay.securityContext.container" .root | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/relay, readOnly: true}
        - {name: scratch, mountPath: /tmp}
  volumes:
    - name: config
      configMap: {name: {{ .config }}}
    - name: scratch
      emptyDir: {medium: Memory, sizeLimit: 16Mi}
{{- end -}}

{{/* Annotations of a Service for connections that last hours → YAML: dict "root" "component" "service" */}}
{{- define "relay.service.annotations" -}}
{{- $preset := dict -}}
{{- if eq .service.provider "aws" -}}
{{- /* AWS Load Balancer Controller: a network load balancer straight to pods. A pod that drains turns unready, is taken for unhealthy, and goes
       from the target group at last: by default its flows are cut at the first of these steps. They stay as long as the drain lasts; AWS knows at
       most 3600 s for a pod that has gone from the group and 360000 s for an unhealthy one. A flow may be silent for 6000 s, the most there is,
       instead of 350 s: viewers behind a pause do not lose theirs. */ -}}
{{- $drain := int (include "relay.drainSeconds" .) -}}
{{- $preset = dict
  "service.beta.kubernetes.io/aws-load-balancer-type" "external"
  "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type" "ip"
  "service.beta.kubernetes.io/aws-load-balancer-scheme" "internet-facing"
  "service.beta.kubernetes.io/aws-load-balancer-attributes" "load_balancing.cross_zone.enabled=true"
  "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes" (printf "preserve_client_ip.enabled=true,deregistration_delay.timeout_seconds=%d,deregistration_delay.connection_termination.enabled=false,target_health_state.unhealthy.connection_termination.enabled=false,target_health_state.unhealthy.draining_interval_seconds=%d" (min 3600 $drain) $drain)
  "service.beta.kubernetes.io/aws-load-balancer-healthcheck-protocol" "http"
  "service.beta.kubernetes.io/aws-load-balancer-healthcheck-port" (.root.Values.probes.port | toString)
  "service.beta.kubernetes.io/aws-load-balancer-healthcheck-path" "/readyz" -}}
{{- range list .service.httpPort .service.rtmpPort -}}
{{- if . -}}
{{- $_ := set $preset (printf "service.beta.kubernetes.io/aws-load-balancer-listener-attributes.TCP-%d" (int .)) "tcp.idle_timeout.seconds=6000" -}}
{{- end -}}
{{- end -}}
{{- else if eq .service.provider "gcp" -}}
{{- /* A passthrough load balancer of backend services: flows go straight to the node and are kept while they last. */ -}}
{{- $preset = dict "cloud.google.com/l4-rbs" "enabled" -}}
{{- else if eq .service.provider "azure" -}}
{{- /* The default would forget a flow after 4 silent minutes; 30 is accepted by every kind of its load balancers. */ -}}
{{- $preset = dict "service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout" "30" -}}
{{- end -}}
{{- with mergeOverwrite $preset .service.annotations }}{{ toYaml . }}{{ end -}}
{{- end -}}
