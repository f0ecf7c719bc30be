{{/* Values that contradict each other, or that nobody may set without knowing, end the rendering with what to do. */}}
{{- define "restore-tester.refuse" -}}
{{- if not .Values.acceptUnsealedSandbox -}}
{{- fail "\nthis chart restores backups inside the service's own pod, beside the credentials of the backup store and its network\nHINT: read \"What isolates a drill\" in the chart's README, then set acceptUnsealedSandbox: true" -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.history.postgresql.existingSecret) -}}
{{- fail "\nseveral replicas cannot share a history in SQLite\nHINT: set history.postgresql.existingSecret, or replicas: 1" -}}
{{- end -}}
{{- if and .Values.existingConfigMap (or .Values.config .Values.extraConfig .Values.includeConfigMaps) -}}
{{- fail "\nexistingConfigMap is the whole configuration: config, extraConfig and includeConfigMaps would not be read\nHINT: set either the one or the others" -}}
{{- end -}}
{{- if not (or .Values.existingConfigMap (include "restore-tester.given" . | fromJson).workloads .Values.extraConfig .Values.includeConfigMaps) -}}
{{- fail "\nthere is no workload to drill\nHINT: set config.workloads, extraConfig, includeConfigMaps or existingConfigMap" -}}
{{- end -}}
{{- if and (eq .Values.serviceMonitor.enabled true) (eq .Values.networkPolicy.enabled true) (not .Values.networkPolicy.ingressFrom) -}}
{{- fail "\nPrometheus could not reach the service\nHINT: name it in networkPolicy.ingressFrom" -}}
{{- end -}}
{{- end -}}

{{/* `config`, whether it was written as values or as text, as JSON. */}}
{{- define "restore-tester.given" -}}
{{- $given := .Values.config -}}
{{- if kindIs "string" $given -}}
{{- $given = fromYaml $given -}}
{{- if hasKey $given "Error" -}}
{{- fail (printf "\nconfig is no YAML: %s\nHINT: restore-tester config check says where" $given.Error) -}}
{{- end -}}
{{- else -}}
{{- range $name, $workload := $given.workloads -}}
{{- if gt (len $workload.locations) 1 -}}
{{- fail (printf "\nthe first location of a workload is drilled most, and Helm sorts values: which one is first of %s, it cannot tell\nHINT: write config as text, `config: |`, or put the workload into extraConfig" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range list "history" "sandbox" "include" "accept_unsealed_sandbox" -}}
{{- if hasKey $given . -}}
{{- fail (printf "\nconfig says `%s`, which the chart writes itself\nHINT: take it out; see history, includeConfigMaps and acceptUnsealedSandbox in the values" .) -}}
{{- end -}}
{{- end -}}
{{- toJson $given -}}
{{- end -}}

{{/* The main file: what the chart knows itself, and what was written in `config`; text stays as it was written. */}}
{{- define "restore-tester.configuration" -}}
{{- $own := dict "sandbox" "process" "accept_unsealed_sandbox" true -}}
{{- if .Values.history.postgresql.existingSecret -}}
{{- $_ := set $own "history" (dict "env" "HISTORY_DSN") -}}
{{- else -}}
{{- $_ := set $own "history" "sqlite:////var/lib/restore-tester/history.db" -}}
{{- end -}}
{{- $include := list -}}
{{- if .Values.extraConfig -}}
{{- $include = append $include "/etc/restore-tester/conf.d/*.yaml" -}}
{{- end -}}
{{- range .Values.includeConfigMaps -}}
{{- $include = append $include (printf "/etc/restore-tester/include/%s/*.yaml" .) -}}
{{- end -}}
{{- if $include -}}
{{- $_ := set $own "include" $include -}}
{{- end -}}
{{- $given := include "restore-tester.given" . | fromJson -}}
{{ toYaml $own }}
{{ if kindIs "string" .Values.config }}{{ .Values.config }}{{ else if $given }}{{ toYaml $given }}{{ end }}
{{- end -}}

{{- define "restore-tester.configMaps" -}}
{{- $text := include "restore-tester.configuration" . -}}
{{- $size := add (len $text) (len (toJson .Values.extraConfig)) -}}
{{- if gt (int $size) 900000 -}}
{{- fail (printf "\nthe configuration is %d bytes, and neither a ConfigMap nor Helm's own record of a release holds more than 1 MiB\nHINT: put files with workloads into ConfigMaps of your own (kubectl create configmap NAME --from-file=FOLDER) and name them in includeConfigMaps" (int $size)) -}}
{{- end -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "restore-tester.fullname" . }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "restore-tester.labels" . | nindent 4 }}
data:
  restore-tester.yaml: | {{- $text | nindent 4 }}
{{- if .Values.extraConfig }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "restore-tester.fullname" . }}-conf-d
  namespace: {{ .Release.Namespace }}
  labels: {{- include "restore-tester.labels" . | nindent 4 }}
data:
{{- range $name, $text := .Values.extraConfig }}
  {{ $name }}: | {{- $text | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}
