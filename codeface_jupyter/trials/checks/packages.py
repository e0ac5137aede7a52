"""Which package has a module, of the well-known ones.

Of others it is not guessed: a package that is called like a module which a model made up may be
somebody's trap.
"""

from __future__ import annotations

__all__ = ["LIKE_THEIR_PACKAGE", "PACKAGES", "package_with"]

# Where the package to install has another name than the module.
PACKAGES = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "bson": "pymongo",
    "camelot": "camelot-py",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "github": "PyGithub",
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.cloud.aiplatform": "google-cloud-aiplatform",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.firestore": "google-cloud-firestore",
    "google.cloud.language": "google-cloud-language",
    "google.cloud.pubsub": "google-cloud-pubsub",
    "google.cloud.pubsub_v1": "google-cloud-pubsub",
    "google.cloud.secretmanager": "google-cloud-secret-manager",
    "google.cloud.speech": "google-cloud-speech",
    "google.cloud.storage": "google-cloud-storage",
    "google.cloud.translate": "google-cloud-translate",
    "google.cloud.vision": "google-cloud-vision",
    "google.genai": "google-genai",
    "google.generativeai": "google-generativeai",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
    "googleapiclient": "google-api-python-client",
    "igraph": "python-igraph",
    "imblearn": "imbalanced-learn",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "kafka": "kafka-python",
    "mpl_toolkits": "matplotlib",
    "mysql.connector": "mysql-connector-python",
    "nacl": "PyNaCl",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "pywt": "PyWavelets",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skopt": "scikit-optimize",
    "slugify": "python-slugify",
    "snowflake.connector": "snowflake-connector-python",
    "speech_recognition": "SpeechRecognition",
    "sksurv": "scikit-survival",
    "tabula": "tabula-py",
    "umap": "umap-learn",
    "websocket": "websocket-client",
    "yaml": "PyYAML",
    "ydata_profiling": "ydata-profiling",
    "zmq": "pyzmq",
}
# Modules that well-known packages are called after.
LIKE_THEIR_PACKAGE = frozenset({
    *("PyPDF2", "accelerate", "aiohttp", "altair", "anthropic", "arviz", "astropy", "bokeh"),
    *("boto3", "cartopy", "catboost", "category_encoders", "chardet", "contextily", "cvxpy"),
    *("dash", "dask", "datasets", "deap", "diffusers", "django", "duckdb", "einops", "emoji"),
    *("evaluate", "faker", "fastapi", "feedparser", "flask", "folium", "fsspec", "fuzzywuzzy"),
    *("gensim", "geopandas", "geopy", "gradio", "graphviz", "gspread", "h5py", "hdbscan"),
    *("holidays", "holoviews", "html5lib", "httpx", "hvplot", "hypothesis", "ipywidgets"),
    *("jax", "jellyfish", "jinja2", "joblib", "keras", "langchain", "librosa", "lifelines"),
    *("lightgbm", "lightning", "lxml", "matplotlib", "missingno", "mlflow", "mlxtend"),
    *("modin", "mplfinance", "nbformat", "networkx", "nltk", "numba", "numexpr", "numpy"),
    *("openai", "openpyxl", "optuna", "ortools", "osmnx", "pandas", "pandas_datareader"),
    *("pandera", "papermill", "patsy", "pdfplumber", "peft", "pendulum", "pint", "plotly"),
    *("plotnine", "pmdarima", "polars", "prophet", "psutil", "pulp", "pyarrow", "pydantic"),
    *("pydot", "pydub", "pymc", "pymongo", "pymysql", "pyodbc", "pyomo", "pypdf", "pyproj"),
    *("pyspark", "pytest", "pytz", "rapidfuzz", "rasterio", "redis", "requests", "rich"),
    *("ruptures", "scipy", "scrapy", "seaborn", "selenium", "sentence_transformers", "shap"),
    *("shapely", "sktime", "soundfile", "spacy", "sqlalchemy", "squarify", "statsmodels"),
    *("streamlit", "swifter", "sympy", "tabulate", "tensorflow", "textblob", "thefuzz"),
    *("tiktoken", "timm", "tokenizers", "torch", "torchaudio", "torchvision", "tqdm"),
    *("transformers", "tsfresh", "unidecode", "vaderSentiment", "wordcloud", "xarray"),
    *("xgboost", "xlrd", "xlsxwriter", "xmltodict", "yfinance", "zarr"),
})  # fmt: skip


def package_with(module: str) -> str:
    """Return the package to install for a module, which may be dotted; empty if not known."""
    parts = module.split(".")
    beginnings = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    other = next((PACKAGES[name] for name in beginnings if name in PACKAGES), "")
    return other or (parts[0] if parts[0] in LIKE_THEIR_PACKAGE else "")
