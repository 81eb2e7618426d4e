{{- define "mlsync.name" -}}
{{- if contains "mlsync" .Release.Name }}{{ .Release.Name | trunc 53 | trimSuffix "-" }}{{ else }}{{ printf "%s-mlsync" (.Release.Name | trunc 46) }}{{ end }}
{{- end }}

{{- define "mlsync.selector" -}}
app.kubernetes.io/name: mlsync
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "mlsync.labels" -}}
{{ include "mlsync.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "mlsync.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "mlsync.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "mlsync.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- if hasPrefix "sha256:" $tag }}{{ .Values.image.repository }}@{{ $tag }}{{ else }}{{ .Values.image.repository }}:{{ $tag }}{{ end }}
{{- end }}
