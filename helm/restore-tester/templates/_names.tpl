{{- define "restore-tester.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "restore-tester.fullname" -}}
{{- $name := include "restore-tester.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "restore-tester.selector" -}}
app.kubernetes.io/name: {{ include "restore-tester.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "restore-tester.labels" -}}
{{ include "restore-tester.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "restore-tester.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "restore-tester.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "restore-tester.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "restore-tester.claim" -}}
{{- .Values.history.sqlite.existingClaim | default (printf "%s-history" (include "restore-tester.fullname" .)) -}}
{{- end -}}

{{/* What Pod Security "restricted" asks of a container, and a root that nothing writes to. */}}
{{- define "restore-tester.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "restore-tester.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {{- toYaml .Values.seccompProfile | nindent 2 }}
{{- with .Values.supplementalGroups }}
supplementalGroups: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* 20Gi → 9216MiB for each of two drills: nine tenths, shared out. */}}
{{- define "restore-tester.diskOfADrill" -}}
{{- if .Values.workspace.perDrill -}}
{{ .Values.workspace.perDrill }}B
{{- else -}}
{{- $drills := (include "restore-tester.given" . | fromJson).concurrency | default 2 | int64 -}}
{{- $number := regexFind "^[0-9]+" .Values.workspace.size | int64 -}}
{{- $factor := get (dict "Mi" 1 "Gi" 1024 "Ti" 1048576) (regexFind "[MGT]i$" .Values.workspace.size) | int64 -}}
{{- div (mul $number $factor 9) (mul 10 $drills) }}MiB
{{- end -}}
{{- end -}}
